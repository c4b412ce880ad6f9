"""Write texts with their labels: all columns of their table, followed by new ones, part by part."""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from bakeoff.data.types import TextSource, TextTable
from bakeoff.errors import UserError
from bakeoff.runs.writing import replaced_file

_WRITABLE = (".csv", ".tsv", ".jsonl", ".parquet")

_Write = Callable[[dict[str, list[Any]]], None]


def check_scored_name(path: Path) -> None:
    """Check that a table can be written under a name that is free.

    Raises:
        UserError: the file exists, or its name ends in something else than .csv, .tsv, .jsonl or .parquet.
    """
    if path.exists():
        raise UserError(f"{path} already exists.", "Choose another name for --out, or remove the file first.")
    if path.suffix.lower() not in _WRITABLE:
        raise UserError(f"{path} cannot be written: unknown file type.", f"Use one of {', '.join(_WRITABLE)}.")


@contextlib.contextmanager
def scored_file(path: Path, source: TextSource) -> Iterator[Callable[[TextTable, Mapping[str, list[Any]]], None]]:
    """Yield a function that writes the rows of a part: all columns of the table, followed by new ones.

    The file is there when the block ends without an error. A new column with the name of an existing one is prefixed
    with `predicted_`, as often as it takes.

    Args:
        path: .csv, .tsv, .jsonl or .parquet.

    Raises:
        UserError: the disk is full.
    """
    ending = path.suffix.lower()
    with replaced_file(path) as temporary, contextlib.ExitStack() as stack:
        if ending == ".parquet":
            write = stack.enter_context(_parquet_writer(temporary, source))
        else:
            # Half a surrogate pair, which UTF-8 lacks, is written as JSON writes it.
            text = temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="")
            file = stack.enter_context(text)
            write = _json_writer(file) if ending == ".jsonl" else _delimited_writer(file, ending)

        def write_part(part: TextTable, new: Mapping[str, list[Any]]) -> None:
            columns = part.all_columns(source.columns)
            for name, values in new.items():
                while name in columns:
                    name = f"predicted_{name}"
                columns[name] = values
            write(columns)

        yield write_part


def _json_writer(file: IO[str]) -> _Write:
    def write(columns: dict[str, list[Any]]) -> None:
        for row in zip(*columns.values(), strict=True):
            file.write(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False, default=str) + "\n")

    return write


def _delimited_writer(file: IO[str], ending: str) -> _Write:
    writer = csv.writer(file, delimiter="\t" if ending == ".tsv" else ",")

    def write(columns: dict[str, list[Any]]) -> None:
        if not file.tell():
            writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))

    return write


@contextlib.contextmanager
def _parquet_writer(path: Path, source: TextSource) -> Iterator[_Write]:
    types = _arrow_types(source)
    writer: pq.ParquetWriter | None = None

    def write(columns: dict[str, list[Any]]) -> None:
        nonlocal writer
        if writer is None:
            for name in [name for name in columns if name not in types]:
                types[name] = _with_labels(_arrow_column(columns[name]).type)
        table = pa.table({name: _arrow_column(values, types[name]) for name, values in columns.items()})
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


def _with_labels(found: pa.DataType) -> pa.DataType:
    """Return the type of a new column whose first part may have no labels: a later part may have some."""
    if pa.types.is_null(found):
        return pa.string()
    return pa.list_(pa.string()) if found == pa.list_(pa.null()) else found


def _arrow_types(source: TextSource) -> dict[str, pa.DataType]:
    """Return the types that fit all parts of the columns."""
    types: dict[str, pa.DataType] = {}
    for part in source.parts():
        for name, values in part.columns.items():
            found = _arrow_column(values).type
            types[name] = _common_type(types.get(name, found), found)
    return types


def _common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    schemas = [pa.schema([("column", type)]) for type in (one, other)]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field("column").type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.string()


def _arrow_column(values: list[Any], type: pa.DataType | None = None) -> pa.Array:
    """Return an Arrow column; values of several types are written as JSON."""
    try:
        return pa.array(values, type)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return pa.array([None if value is None else _as_text(value) for value in values], pa.string())


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text.encode(errors="backslashreplace").decode()
