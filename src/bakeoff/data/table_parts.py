"""Read large tables in parts, so that memory does not grow with the file.

The format is found in the first part, by the rules for small files; all other rows must fit it.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from bakeoff.data.compression import DAMAGE, LINES, ending_of, opened
from bakeoff.data.config import TableFormat
from bakeoff.data.delimited import find_layout, read_rows
from bakeoff.data.dialects import MalformedError
from bakeoff.data.encodings import decode_found
from bakeoff.data.fasttext_files import is_fasttext
from bakeoff.data.json_tables import columns_of_rows, json_rows
from bakeoff.data.parquet_files import of_arrow
from bakeoff.data.raw_tables import READERS
from bakeoff.data.reading import Reading
from bakeoff.errors import UserError

PART_BYTES = 1 << 23
"""Size of a part, without compression. Smaller files are read at once."""


class UnevenError(UserError):
    """The rest of a file does not fit the format of its first part."""


@dataclass(frozen=True)
class TableParts:
    """A table whose parts are read from the beginning whenever they are asked for."""

    notes: list[str]  # sentences on how it is read
    read: Callable[[], Iterator[Reading]]
    same_columns: bool = True  # in all parts


@dataclass(frozen=True)
class _Form:
    """How text becomes rows, and rows become columns."""

    rows: Callable[[Iterable[str]], Iterator[Any]]
    columns: Callable[[list[Any]], dict[str, list[Any]]]
    notes: list[str]
    newline: str = ""  # of io.TextIOWrapper
    same_columns: bool = True


def table_parts(path: Path, settings: TableFormat) -> TableParts | None:
    """Return the parts of a .csv, .tsv, .jsonl, .parquet or .txt of lines, or None for files that are read at once.

    These are small files, other formats, and what a look at the first part does not explain.
    """
    try:
        if path.suffix.lower() == ".parquet":
            return _parquet_parts(path)
        with _unpacked(path) as (file, ending):
            head = file.read(PART_BYTES)
        if len(head) < PART_BYTES or (ending == LINES and (is_fasttext(head) or ending_of(path.name) == ".zip")):
            return None
        text, encoding = decode_found(head[: head.rfind(b"\n") + 1], str(path), settings.encoding)
        if ending in (".csv", ".tsv"):
            text = _complete_rows(text)
        form = _form(text, ending, str(path), settings, encoding)
        at_once = form and sum(1 for _ in form.rows(io.StringIO(text, newline=form.newline)))
    except (UserError, MalformedError, *DAMAGE):
        return None
    if not form or not at_once:
        return None
    return TableParts(form.notes, lambda: _read(path, form, encoding, at_once), form.same_columns)


def _form(text: str, ending: str, name: str, settings: TableFormat, encoding: str) -> _Form | None:
    notes = [] if encoding == "utf-8" or settings.encoding is not None else [f"Read as: {encoding}."]
    if ending in (".csv", ".tsv"):
        layout = find_layout(text, name, tabs=ending == ".tsv", settings=settings, encoding=encoding)
        if layout is None:
            return None
        return _Form(
            lambda lines: read_rows(lines, layout),
            lambda rows: dict(zip(layout.columns, map(list, zip(*rows, strict=True)), strict=True)),
            layout.notes,
        )
    if ending in (".jsonl", ".ndjson") and not text.lstrip().startswith("["):
        return _Form(
            lambda lines: json_rows((line.removesuffix("\n") for line in lines), name),
            columns_of_rows,
            notes,
            newline="\n",
            same_columns=False,  # an object may lack a key
        )
    if ending == LINES:
        return _Form(
            text_lines,
            lambda rows: {"text": rows},
            notes,
        )
    return None


def text_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a .txt that are not blank, without their ends."""
    return (text for line in lines if (text := line.rstrip("\r\n")).strip())


def _complete_rows(text: str) -> str:
    """Return the first rows of a delimited file without one that is cut: up to a line end where quotes are paired."""
    end = cut = text.rfind("\n") + 1
    quotes = text.count('"', 0, end)
    while cut and quotes % 2:
        before = text.rfind("\n", 0, cut - 1) + 1
        quotes -= text.count('"', before, cut)
        cut = before
    return text[: cut or end]


def _read(path: Path, form: _Form, encoding: str, at_once: int) -> Iterator[Reading]:
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    try:
        with _unpacked(path) as (file, _), io.TextIOWrapper(file, codec, newline=form.newline) as lines:
            rows = form.rows(lines)
            while part := list(islice(rows, at_once)):
                yield Reading(form.columns(part))
    except (MalformedError, *DAMAGE) as error:
        raise _changed(path, error) from None


def _parquet_parts(path: Path) -> TableParts | None:
    metadata = pq.read_metadata(path)
    size = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if size < PART_BYTES:
        return None
    at_once = max(1, metadata.num_rows * PART_BYTES // size)
    return TableParts(of_arrow(pq.read_schema(path).empty_table()).notes, lambda: _read_parquet(path, at_once))


def _read_parquet(path: Path, at_once: int) -> Iterator[Reading]:
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            for batch in file.iter_batches(at_once):
                table = pa.Table.from_batches([batch])
                yield of_arrow(table.replace_schema_metadata(file.schema_arrow.metadata))
    except DAMAGE as error:
        raise _changed(path, error) from None


def _changed(path: Path, error: Exception) -> UnevenError:
    return UnevenError(f"{path} cannot be read to its end: {error}.", "Let nothing change it meanwhile.")


@contextlib.contextmanager
def _unpacked(path: Path) -> Iterator[tuple[IO[bytes], str]]:
    with path.open("rb") as stored, opened(stored, path.name, tuple(READERS)) as inside:
        yield inside
