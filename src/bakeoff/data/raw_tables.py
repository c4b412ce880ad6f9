"""Read any table into columns, without interpreting them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bakeoff.data.compression import COMPRESSED, LINES, ending_of, unpack
from bakeoff.data.config import PACKAGED_TABLES, TableFormat
from bakeoff.data.delimited import read_delimited
from bakeoff.data.encodings import decode_found
from bakeoff.data.fasttext_files import is_fasttext, read_fasttext
from bakeoff.data.files import may_be_on_the_hub, missing, packaged_file, sha256
from bakeoff.data.json_tables import read_json, read_json_lines
from bakeoff.data.nested import resolve
from bakeoff.data.parquet_files import read_parquet
from bakeoff.data.reading import Reading, counted_notes
from bakeoff.data.spreadsheets import SPREADSHEETS, naming_sheets, read_spreadsheet
from bakeoff.data.table_files import TableFile, is_url, local_file, matching_files
from bakeoff.errors import UserError

_PACKAGED_FILES = {"sentence-polarity": "sentences.parquet"}
_IMDB_LABELS = {"pos": "positive", "neg": "negative"}


@dataclass(frozen=True)
class RawTable:
    """The columns of a table as they were read; all lists have the same length."""

    source: str
    columns: dict[str, list[Any]]
    files: dict[str, str]  # file or packaged name -> SHA-256 of its content, as stored
    notes: list[str] = field(default_factory=list)  # sentences on how it was read, and what was joined or dropped
    format: TableFormat | None = None  # how its files are written, where that had to be found
    first_row: int = 1  # its number in the file, where the table is a part of one
    other_sheets: list[str] = field(default_factory=list)  # of its spreadsheets, which were not read

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def has_column(self, name: str) -> bool:
        """Return whether there is such a column, or such a dotted path inside nested objects."""
        return name in self.columns or resolve(self.columns, name) is not None

    def column(self, name: str) -> list[Any]:
        """Return the values of a column, or at a dotted path.

        Raises:
            KeyError: there is no such column.
        """
        values = self.columns.get(name)
        if values is None and (values := resolve(self.columns, name)) is None:
            raise KeyError(name)
        return values


def read_raw_table(source: str | Sequence[str], settings: TableFormat | None = None) -> RawTable:
    """Read a packaged table, files, an aclImdb folder, or a data set on the hub.

    Args:
        source: One source, or several with the same columns, which are read one after the other.
        settings: What is known of how the files are written.

    Raises:
        UserError: the source does not exist, is empty or malformed, or the hub cannot be reached.
    """
    settings = settings or TableFormat()
    if not isinstance(source, str):
        return _joined(", ".join(source), [read_raw_table(each, settings) for each in source])
    path = Path(source).expanduser()
    if source in PACKAGED_TABLES:
        content = packaged_file(source, _PACKAGED_FILES[source])
        return RawTable(source, read_parquet(content, source).columns, {source: sha256(content)})
    if not is_url(source):
        if path.is_dir():
            return _read_imdb_folder(path)
        if path.exists():
            return read_table_file(path, settings)
    if files := matching_files(source):
        return _joined(source, [_read_file(file, settings) for file in files])
    if not may_be_on_the_hub(source, (*READERS, *COMPRESSED), PACKAGED_TABLES):
        raise missing(source, PACKAGED_TABLES)
    from bakeoff.data.hub import load_table

    return RawTable(source, load_table(source), {})


def read_table_file(path: Path, settings: TableFormat | None = None) -> RawTable:
    """Read one file: .csv, .tsv, .json, .jsonl, .parquet, a spreadsheet or fastText's format, compressed or not."""
    return _read_file(local_file(path), settings or TableFormat())


def is_table_name(name: str) -> bool:
    """Return whether a file of that name, compressed or not, is read as a table."""
    return ending_of(name) in (*READERS, ".zip")


def _read_file(file: TableFile, settings: TableFormat) -> RawTable:
    if not is_table_name(file.file_name) and ending_of(file.file_name) != LINES:
        raise _unknown(file.name, Path(file.file_name).suffix)
    stored = file.read()
    content, ending = unpack(stored, file.file_name, tuple(READERS))
    if ending == LINES:
        if not is_fasttext(content):
            raise _unknown(file.name, ending)
        reading = _fasttext(content, file.name, settings)
    else:
        reading = READERS[ending](content, file.name, settings)
    notes = [*counted_notes(reading.counts), *reading.notes]
    files, others = {file.name: sha256(stored)}, reading.other_sheets
    table = RawTable(file.name, reading.columns, files, notes, reading.format, other_sheets=others)
    with naming_sheets(others):
        if len(table) == 0:
            raise UserError(f"{file.name} has no rows.", "Give a table with at least one row below its header.")
    return table


def _unknown(name: str, ending: str) -> UserError:
    return UserError(
        f"{name}: files that end in {ending or 'nothing'!r} cannot be read.",
        f"Give a table that ends in {', '.join(READERS)}, or one of these and {', '.join(COMPRESSED)}.",
    )


def _joined(source: str, tables: list[RawTable]) -> RawTable:
    """Return the rows of several tables, one after the other.

    Raises:
        UserError: a table has other columns than the first; the message names both files.
    """
    first = tables[0]
    if len(tables) == 1:
        return replace(first, source=source)
    for table in tables[1:]:
        if different := sorted(set(table.columns) ^ set(first.columns)):
            raise UserError(
                f"{table.source} does not have the same columns as {first.source}: {', '.join(different)} "
                f"{'is' if len(different) == 1 else 'are'} in one of them only.",
                "Name files with the same columns.",
            )
    columns = {name: [value for table in tables for value in table.columns[name]] for name in first.columns}
    same: dict[str, list[str]] = {}
    for table in tables:
        for note in table.notes:
            same.setdefault(note, []).append(table.source)
    notes = [note if len(of) == len(tables) else f"{', '.join(of)}: {note}" for note, of in same.items()]
    files = {name: digest for table in tables for name, digest in table.files.items()}
    format = first.format if all(table.format == first.format for table in tables) else None
    others = list(dict.fromkeys(sheet for table in tables for sheet in table.other_sheets))
    return RawTable(source, columns, files, notes, format, other_sheets=others)


def _delimited(content: bytes, name: str, settings: TableFormat, *, tabs: bool) -> Reading:
    text, encoding = decode_found(content, name, settings.encoding)
    return read_delimited(text, name, tabs=tabs, settings=settings, encoding=encoding)


def _comma_separated(content: bytes, name: str, settings: TableFormat) -> Reading:
    return _delimited(content, name, settings, tabs=False)


def _tab_separated(content: bytes, name: str, settings: TableFormat) -> Reading:
    return _delimited(content, name, settings, tabs=True)


def _decoded(read: Callable[[str, str], Reading]) -> Callable[[bytes, str, TableFormat], Reading]:
    """Return a reader of files that hold text, whose encoding is found, and said unless it is UTF-8."""

    def reader(content: bytes, name: str, settings: TableFormat) -> Reading:
        text, encoding = decode_found(content, name, settings.encoding)
        reading = read(text, name)
        if encoding != "utf-8" and settings.encoding is None:
            reading.notes.insert(0, f"Read as: {encoding}.")
            reading.format = TableFormat(encoding=encoding)
        return reading

    return reader


_fasttext = _decoded(read_fasttext)

READERS: dict[str, Callable[[bytes, str, TableFormat], Reading]] = {
    ".csv": _comma_separated,
    ".tsv": _tab_separated,
    ".jsonl": _decoded(read_json_lines),
    ".ndjson": _decoded(read_json_lines),
    ".json": _decoded(read_json),
    ".parquet": lambda content, name, _: read_parquet(content, name),
    **dict.fromkeys(SPREADSHEETS, read_spreadsheet),
}
"""File name endings of tables -> their readers."""


def _read_imdb_folder(folder: Path) -> RawTable:
    """Read aclImdb as it is distributed: {train,test}/{pos,neg}/*.txt. The unlabeled train/unsup is ignored."""
    columns: dict[str, list[Any]] = {"id": [], "text": [], "label": [], "split": []}
    digest = hashlib.sha256()
    for split in ("train", "test"):
        for short, label in _IMDB_LABELS.items():
            for file in sorted((folder / split / short).glob("*.txt")):
                content = file.read_bytes()
                digest.update(content)
                columns["id"].append(f"{split}/{short}/{file.stem}")
                columns["text"].append(decode_found(content, str(file))[0])
                columns["label"].append(label)
                columns["split"].append(split)
    if not columns["id"]:
        raise UserError(
            f"{folder} is not an aclImdb folder: it has no train/pos/*.txt.",
            f"Give a table that ends in {', '.join(READERS)}, or the aclImdb folder that holds train and test.",
        )
    return RawTable(str(folder), columns, {str(folder): digest.hexdigest()})
