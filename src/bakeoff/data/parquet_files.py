"""Read Parquet and Arrow files, with the class names that the datasets library stores in them."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bakeoff.data.class_names import named, names_of
from bakeoff.data.reading import Reading
from bakeoff.errors import UserError

_LOST = (
    " a time or date that Python does not have (beyond the years 1 to 9999, or in an unknown time zone), and counts as "
    "missing."
)


def read_parquet(content: bytes, name: str) -> Reading:
    """Return the columns of a Parquet file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return of_arrow(pq.read_table(pa.BufferReader(content)))
    except (pa.ArrowException, ValueError, OSError) as error:
        problem = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{name} is not a readable Parquet file: {problem}", "Write it again, or give a .csv."
        ) from None


def of_arrow(table: pa.Table) -> Reading:
    """Return the columns of an Arrow table; the ids of classes become the names in the table's metadata."""
    reading = Reading({})
    columns = reading.columns
    for column in table.column_names:
        columns[column], reading.counts[f"Column {column!r}: ", _LOST] = _values(table.column(column))
    for column, names in _class_names(table.schema.metadata or {}).items():
        if column in columns and pa.types.is_integer(_element_type(table.schema.field(column).type)):
            columns[column] = [named(value, names) for value in columns[column]]
            said = f"Column {column!r} holds class ids, which have their names from the file: {_listed(names)}."
            reading.notes.append(said)
    return reading


def _values(column: pa.ChunkedArray) -> tuple[list[Any], int]:
    """Return the values of a column, and how many Python cannot hold; these are None."""
    try:
        return column.to_pylist(), 0
    except (OverflowError, ValueError):  # Arrow's own errors are ValueErrors, too
        values = [_value(scalar) for scalar in column]
        return values, sum(value is None for value in values) - column.null_count


def _value(scalar: pa.Scalar) -> Any:
    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        return None


def _element_type(kind: pa.DataType) -> pa.DataType:
    while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        kind = kind.value_type
    return kind


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    try:
        features: dict[str, Any] = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {column: names for column, feature in features.items() if (names := names_of(feature)) is not None}
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _listed(names: list[str], longest: int = 6) -> str:
    return ", ".join(names[:longest]) + ", ..." * (len(names) > longest)
