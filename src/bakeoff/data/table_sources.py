"""Read the table of a config, or the tables of its splits, as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.data.columns import LABEL_NAMES, choose_column, choose_text_columns, row_names
from bakeoff.data.config import TableData
from bakeoff.data.example_config import ExampleData
from bakeoff.data.raw_tables import RawTable, read_raw_table
from bakeoff.errors import FormatError, UserError
from bakeoff.spelling import nearest


@dataclass(frozen=True)
class TableSource:
    """A table, the columns that are read from it, and the split of each row where every split has a file."""

    table: RawTable
    text: list[str]  # columns
    label: list[str]  # one column, or one for each label
    names: list[str]  # of the rows, all different
    splits: list[str] | None = None  # of the rows; None where there is one table for all splits
    given: frozenset[str] = frozenset()  # the splits that have a file
    features: Sequence[str] = ()  # columns beside the text that contestants may read


def read_table_source(data: TableData) -> TableSource:
    """Read `data.table`, or the files `data.train`, `data.validation` and `data.test`.

    The columns are found in the training file; the others must have them, too. Rows keep the ids of their files as
    names if these differ everywhere; otherwise they are named by split and number or id: `test-7`.

    Raises:
        UserError: a source is missing, empty or malformed, or lacks a column.
    """
    source = read_source(data, lambda table: _columns(table, data), data.feature_columns)
    _refuse_features(source, data)
    return source


def read_source(
    data: TableData | ExampleData,
    columns: Callable[[RawTable], tuple[list[str], list[str]]],
    features: Sequence[str] = (),
) -> TableSource:
    """Read the tables of a config as one; see `read_table_source`.

    Args:
        columns: Returns the columns of the texts and of the labels (or answers) of the first table.
        features: Further columns, which the first table has.
    """
    try:
        tables = {split: read_raw_table(source, data.format) for split, source in data.files.items()}
    except FormatError as error:
        raise error.with_setting("data.format") from None
    first = tables["train"] if "train" in tables else next(iter(tables.values()))
    text, label = columns(first)
    if len(tables) == 1:
        return TableSource(first, text, label, row_names(first), features=features)
    for split, table in tables.items():
        for column in (*text, *label, *features):
            _must_have(table, column, split, first.source)
    names = [(split, name) for split, table in tables.items() for name in row_names(table)]
    unique = len({name for _, name in names}) == len(names)
    return TableSource(
        _joined(list(tables.values())),
        text,
        label,
        [name if unique else f"{split}-{name}" for split, name in names],
        [split for split, _ in names],
        frozenset(tables),
        features,
    )


def refuse_if_empty(source: TableSource, rows: Sequence[Any], skipped: Mapping[str, int], way_out: str) -> None:
    """Refuse a table without usable rows.

    Args:
        skipped: Why rows cannot be used, and how many each.
        way_out: What to look at.

    Raises:
        UserError: there are no rows.
    """
    if not rows:
        reasons = ", ".join(f"{reason} in {count:,}" for reason, count in skipped.items())
        raise UserError(f"{source.table.source} has no rows that can be used: {reasons or 'it is empty'}.", way_out)


def _columns(table: RawTable, data: TableData) -> tuple[list[str], list[str]]:
    text = choose_text_columns(table, data.text, "data.text")
    labels = data.label if isinstance(data.label, list) else [data.label]
    for name in data.feature_columns:
        choose_column(table, name, (), "data.features")
    return text, [choose_column(table, label, LABEL_NAMES, "data.label", "label") for label in labels]


def _refuse_features(source: TableSource, data: TableData) -> None:
    """Refuse features that already have another role."""
    roles = {"text": source.text, "label": source.label}
    roles |= {f"split.{key}": [name] for key in ("column", "group") if (name := getattr(data.split, key)) is not None}
    for key, columns in roles.items():
        if taken := [name for name in source.features if name in columns]:
            raise UserError(
                f"data.features: {taken[0]!r} is the column of data.{key}.",
                f"Leave it out of data.features, or name another column with data.{key}.",
            )


def _must_have(table: RawTable, column: str, split: str, train: str) -> None:
    if table.has_column(column):
        return
    near = nearest(column, table.columns)
    raise UserError(
        f"{table.source} (data.{split}) has no column {column!r}, which {train} has; its columns are "
        f"{', '.join(table.columns)}.",
        (f"Is it {near!r} there? " if near else "") + "Give the columns the same names in all files.",
    )


def _joined(tables: Sequence[RawTable]) -> RawTable:
    """Return the rows of several tables, in order, in the columns of the first one."""
    columns: dict[str, list[Any]] = {}
    for name in tables[0].columns:
        columns[name] = [value for table in tables for value in table.columns.get(name, [None] * len(table))]
    files = {file: digest for table in tables for file, digest in table.files.items()}
    notes = list(dict.fromkeys(f"{table.source}: {note}" for table in tables for note in table.notes))
    return RawTable(", ".join(table.source for table in tables), columns, files, notes)
