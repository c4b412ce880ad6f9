"""Read Parquet and Arrow files, with the class names that the datasets library stores in them."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bakeoff.data.reading import Reading
from bakeoff.errors import UserError


def read_parquet(content: bytes, name: str) -> Reading:
    """Return the columns of a Parquet file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{name} is not a readable Parquet file: {error}.", "Write it again, or give a .csv.") from None
    return of_arrow(table)


def of_arrow(table: pa.Table) -> Reading:
    """Return the columns of an Arrow table; the ids of classes become the names in the table's metadata."""
    columns = {column: table.column(column).to_pylist() for column in table.column_names}
    notes = []
    for column, names in _class_names(table.schema.metadata or {}).items():
        if column in columns and pa.types.is_integer(table.schema.field(column).type):
            columns[column] = [class_name(value, names) for value in columns[column]]
            notes.append(f"Column {column!r} holds class ids, which have their names from the file: {_listed(names)}.")
    return Reading(columns, notes)


def class_name(value: int | None, names: list[str]) -> str | None:
    """Return the name of a class id. Data sets mark rows without a label with -1."""
    return names[value] if value is not None and 0 <= value < len(names) else None


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    try:
        features: dict[str, Any] = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {
            column: feature["names"]
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
        }
    except (KeyError, ValueError, TypeError):
        return {}


def _listed(names: list[str], longest: int = 6) -> str:
    return ", ".join(names[:longest]) + ", ..." * (len(names) > longest)
