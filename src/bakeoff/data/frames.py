"""Turn tables from Python into Arrow: data frames, Arrow tables, datasets, lists of dicts, dicts of columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from bakeoff.data.class_names import named, names_of
from bakeoff.errors import UserError

KINDS = (
    "a pandas or polars data frame, a pyarrow table, a datasets.Dataset or DatasetDict, a list of dicts, or a dict of "
    "columns"
)
"""What is understood, for messages."""

_INDEX = re.compile(r"__index_level_\d+__")


def is_splits(value: Any) -> bool:
    """Return whether a value is several tables by the name of their split, such as a `datasets.DatasetDict`."""
    return isinstance(value, Mapping) and bool(value) and all(map(_is_frame, value.values()))


def to_arrow(value: Any, key: str) -> pa.Table:
    """Return a table as Arrow, with the columns, in the order, and with the types that it has.

    Everything that speaks Arrow's C stream interface works, which pandas, polars, DuckDB and others do. The unnamed
    index of a pandas frame is left out. NaN is a missing value. Class ids of `datasets` become names.

    Args:
        key: The config key that holds it, for messages.

    Raises:
        UserError: it is no table, it has no rows, a column mixes types, or two have the same name.
    """
    try:
        table = _table(value)
    except (ValueError, TypeError, OverflowError, pa.ArrowNotImplementedError) as error:  # all that Arrow raises
        reason = "; ".join(map(str, error.args))
        raise UserError(
            f"{key} cannot be stored as a table: {reason}.",
            "A column needs a name of its own and values of one type. Turn a mixed one into strings, or leave it out.",
        ) from None
    if table is None:
        raise UserError(f"{key} cannot be a {type(value).__name__}.", f"Give the name of a file, or {KINDS}.")
    if table.num_rows == 0:
        raise UserError(f"{key} has no rows.", "Give a table with at least one row.")
    names = [name for name in table.column_names if not _INDEX.fullmatch(name)]
    columns = [_plain(table.column(name)) for name in names]
    return pa.table(columns, names)  # without the metadata of pandas and datasets, which later readers could interpret


def _is_frame(value: Any) -> bool:
    return hasattr(value, "columns") or hasattr(value, "column_names")


def _table(value: Any) -> pa.Table | None:
    if hasattr(value, "with_format") and hasattr(value, "features"):
        return _from_dataset(value)
    if hasattr(value, "iloc") and hasattr(value, "columns"):
        return pa.Table.from_pandas(value)  # any version of pandas
    if isinstance(value, pa.Table) or hasattr(value, "__arrow_c_stream__"):
        return pa.table(value)
    if is_splits(value):
        return None
    if isinstance(value, Mapping):
        lengths = {name: len(column) for name, column in value.items() if hasattr(column, "__len__")}
        if len(lengths) < len(value) or any(isinstance(column, str) for column in value.values()):
            return None
        if len(set(lengths.values())) > 1:
            raise pa.ArrowInvalid(f"the columns have different lengths ({lengths})")
        return pa.table({str(name): _column(str(name), column) for name, column in value.items()})
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        if not all(isinstance(row, Mapping) for row in value):
            return None
        names = list(dict.fromkeys(name for row in value for name in row))
        return pa.table({str(name): _column(str(name), [row.get(name) for row in value]) for name in names})
    return None


def _from_dataset(value: Any) -> pa.Table:
    """Read a `datasets.Dataset` (or its iterable kind, as a whole), with the names of its classes."""
    stored = value.with_format("arrow")
    table = stored[:] if hasattr(stored, "__len__") else pa.concat_tables(list(stored.iter(batch_size=1000)))
    for position, name in enumerate(table.column_names):
        names = names_of((value.features or {}).get(name))
        if names is not None:
            ids = table.column(name)
            kind = pa.string() if pa.types.is_integer(ids.type) else None
            labels = pa.array([named(id, names) for id in ids.to_pylist()], kind)
            table = table.set_column(position, name, labels)
    return table


def _column(name: str, values: Any) -> pa.Array:
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise pa.ArrowInvalid(f"column {name!r}: {error}") from None


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Turn Arrow's string views, which not every reader of Parquet knows, into strings."""
    views = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
    return column.cast(views[column.type]) if column.type in views else column
