"""Read texts to be classified, and write them with their labels."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bakeoff.data.columns import choose_text_columns, row_texts, text_notes
from bakeoff.data.compression import ending_of, unpack
from bakeoff.data.config import TableFormat
from bakeoff.data.encodings import decode_found
from bakeoff.data.fasttext_files import is_fasttext
from bakeoff.data.files import missing, read_bytes, sha256
from bakeoff.data.raw_tables import RawTable, read_table_file
from bakeoff.errors import UserError
from bakeoff.runs.writing import replaced_file

_WRITABLE = (".csv", ".tsv", ".jsonl", ".parquet")


@dataclass(frozen=True)
class TextTable:
    """A table and the text of each row; missing texts are ""."""

    table: RawTable
    texts: list[str]
    notes: list[str] = field(default_factory=list)  # sentences on how it was read, and what was joined or dropped


def read_texts(
    path: Path,
    columns: Sequence[str] | None = None,
    trained_on: Sequence[str] = (),
    key: str = "--column",
    settings: TableFormat | None = None,
) -> TextTable:
    """Read texts from any table, or the lines of a .txt file that is not in fastText's format.

    Args:
        columns: Columns of the texts, joined like those of `data.text` in a config.
        trained_on: Columns that the run's texts came from, used where `columns` names none. If there are none, or only
            one that the file does not have, the column is guessed from common names.
        key: How a user names the columns, for messages.
        settings: What is known of how the file is written.

    Raises:
        UserError: the file is missing, empty or malformed, or a column does not exist.
    """
    if not path.exists():
        raise missing(str(path))
    if ending_of(path.name) == ".txt":
        stored = read_bytes(path)
        content, _ = unpack(stored, path.name, ())
        if not is_fasttext(content):
            text, encoding = decode_found(content, str(path), settings.encoding if settings else None)
            lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
            notes = [] if encoding == "utf-8" else [f"Read as: {encoding}."]
            return TextTable(RawTable(str(path), {"text": lines}, {str(path): sha256(stored)}), lines, notes)
    table = read_table_file(path, settings)
    wanted = columns or (trained_on if len(trained_on) > 1 or any(map(table.has_column, trained_on)) else None)
    chosen = choose_text_columns(table, wanted, key)
    texts = row_texts(table, chosen)
    return TextTable(table, [text or "" for text in texts], [*table.notes, *text_notes(table, chosen)])


def write_scored(path: Path, table: TextTable | None, texts: Sequence[str], columns: dict[str, list[Any]]) -> None:
    """Write the texts with all columns of their table, followed by new columns.

    A new column with the name of an existing one is prefixed with `predicted_`.

    Args:
        path: .csv, .tsv, .jsonl or .parquet.
        table: The table that `texts` were read from, if any.

    Raises:
        UserError: the file name ends in something else, or the disk is full.
    """
    ending = path.suffix.lower()
    if ending not in _WRITABLE:
        raise UserError(f"{path} cannot be written: unknown file type.", f"Use one of {', '.join(_WRITABLE)}.")
    scored: dict[str, list[Any]] = dict(table.table.columns) if table is not None else {"text": list(texts)}
    for name, values in columns.items():
        scored[name if name not in scored else f"predicted_{name}"] = values
    with replaced_file(path) as temporary:
        if ending == ".parquet":
            pq.write_table(pa.table({name: _arrow_column(values) for name, values in scored.items()}), temporary)
            return
        rows = zip(*scored.values(), strict=True)
        # Half a surrogate pair, which UTF-8 lacks, is written as JSON writes it.
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            if ending == ".jsonl":
                file.writelines(
                    json.dumps(dict(zip(scored, row, strict=True)), ensure_ascii=False, default=str) + "\n"
                    for row in rows
                )
            else:
                writer = csv.writer(file, delimiter="\t" if ending == ".tsv" else ",")
                writer.writerow(scored)
                writer.writerows(rows)


def _arrow_column(values: list[Any]) -> pa.Array:
    """Return an Arrow column; values of several types are written as JSON."""
    try:
        return pa.array(values)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return pa.array([None if value is None else _as_text(value) for value in values], pa.string())


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text.encode(errors="backslashreplace").decode()
