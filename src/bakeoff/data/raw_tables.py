"""Read any table into columns, without interpreting them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bakeoff.data.config import PACKAGED_TABLES
from bakeoff.data.delimited import read_delimited
from bakeoff.data.files import decode, may_be_on_the_hub, missing, packaged_file, read_bytes, sha256
from bakeoff.errors import UserError

_PACKAGED_FILES = {"sentence-polarity": "sentences.parquet"}
_IMDB_LABELS = {"pos": "positive", "neg": "negative"}


@dataclass(frozen=True)
class RawTable:
    """The columns of a table as they were read; all lists have the same length."""

    source: str
    columns: dict[str, list[Any]]
    files: dict[str, str]  # file or packaged name -> SHA-256 of its content

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))


def read_raw_table(source: str) -> RawTable:
    """Read a packaged table, a file, an aclImdb folder, or a data set on the hub.

    Raises:
        UserError: the source does not exist, is empty or malformed, or the hub cannot be reached.
    """
    path = Path(source).expanduser()
    if source in PACKAGED_TABLES:
        content = packaged_file(source, _PACKAGED_FILES[source])
        return RawTable(source, _read_parquet(content, source), {source: sha256(content)})
    if path.is_dir():
        return _read_imdb_folder(path)
    if path.exists():
        return read_table_file(path)
    if not may_be_on_the_hub(source, tuple(READERS), PACKAGED_TABLES):
        raise missing(source, PACKAGED_TABLES)
    from bakeoff.data.hub import load_table

    return RawTable(source, load_table(source), {})


def read_table_file(path: Path) -> RawTable:
    """Read one .csv, .tsv, .jsonl or .parquet file."""
    if path.suffix.lower() not in READERS:
        raise UserError(
            f"{path}: files that end in {path.suffix or 'nothing'!r} cannot be read.",
            f"Give a table that ends in {', '.join(READERS)}.",
        )
    content = read_bytes(path)
    columns = READERS[path.suffix.lower()](content, str(path))
    table = RawTable(str(path), columns, {str(path): sha256(content)})
    if len(table) == 0:
        raise UserError(f"{path} has no rows.", "Give a table with at least one row below its header.")
    return table


def _read_csv(content: bytes, name: str) -> dict[str, list[Any]]:
    return dict(read_delimited(decode(content, name), name, tabs=False))


def _read_tsv(content: bytes, name: str) -> dict[str, list[Any]]:
    return dict(read_delimited(decode(content, name), name, tabs=True))


def _read_json_lines(content: bytes, name: str) -> dict[str, list[Any]]:
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(decode(content, name).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(
                f"{name} is malformed: line {number}, column {error.colno}: {error.msg}.",
                "Each line must be one JSON object.",
            ) from None
        if not isinstance(row, dict):
            raise UserError(
                f"{name} is malformed: line {number} holds {json.dumps(row)[:40]}, which is not an object.",
                'Each line must be one JSON object, such as {"text": "A fine film", "label": "positive"}.',
            )
        rows.append(row)
    names = list(dict.fromkeys(column for row in rows for column in row))
    return {column: [row.get(column) for row in rows] for column in names}


def _read_parquet(content: bytes, name: str) -> dict[str, list[Any]]:
    try:
        table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{name} is not a readable Parquet file: {error}.", "Write it again, or give a .csv.") from None
    return {column: table.column(column).to_pylist() for column in table.column_names}


READERS: dict[str, Callable[[bytes, str], dict[str, list[Any]]]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_json_lines,
    ".parquet": _read_parquet,
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
                columns["text"].append(decode(content, str(file)))
                columns["label"].append(label)
                columns["split"].append(split)
    if not columns["id"]:
        raise UserError(
            f"{folder} is not an aclImdb folder: it has no train/pos/*.txt.",
            f"Give a table that ends in {', '.join(READERS)}, or the aclImdb folder that holds train and test.",
        )
    return RawTable(str(folder), columns, {str(folder): digest.hexdigest()})
