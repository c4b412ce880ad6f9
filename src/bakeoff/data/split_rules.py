"""The rule by which the rows of a table are divided into splits: files, a column, groups, times, or chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bakeoff.data.cells import label_of
from bakeoff.data.columns import choose_column
from bakeoff.data.config import TableData
from bakeoff.data.dividing import (
    Division,
    Rows,
    divide_as_given,
    divide_at_random,
    divide_by_group,
    divide_by_time,
    divide_into_folds,
)
from bakeoff.data.example_config import ExampleData
from bakeoff.data.table_sources import TableSource
from bakeoff.data.time_split import Moment, read_times
from bakeoff.errors import UserError

SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Names of splits in a table -> ours."""


def split_values(source: TableSource, data: TableData | ExampleData, notes: list[str]) -> Sequence[tuple[Any, str]]:
    """Return, for every row, what decides about its split, and why the row cannot be used: "" if it can.

    Args:
        notes: Gets sentences on how a column was read.
    """
    table, rule = source.table, data.split.rule
    if source.splits is not None:
        return [(name, "") for name in source.splits]
    if rule is None:
        return [(None, "")] * len(table)
    column = choose_column(table, getattr(data.split, rule), (), f"data.split.{rule}")
    if rule == "column":
        return [(str(value), "the split is missing" * (label_of(value) is None)) for value in table.column(column)]
    if rule == "group":
        groups = map(label_of, table.column(column))
        return [(group, f"the group (column {column!r}) is missing" * (group is None)) for group in groups]
    times = read_times(table.column(column), table.source, column)
    notes += times.notes
    problems = {True: f"the time (column {column!r}) is missing", False: f"the time (column {column!r}) cannot be read"}
    return [
        (moment, problems[missing] if moment is None else "")
        for moment, missing in zip(times.moments, times.missing, strict=True)
    ]


def split_name(source: str, column: str, value: str) -> str:
    """Return our name of a split that a column names.

    Raises:
        UserError: it names none.
    """
    try:
        return SPLIT_NAMES[value.strip().lower()]
    except KeyError:
        raise UserError(
            f"{source}: column {column!r} holds {value!r}, which is not the name of a split.",
            "Its values must be train, validation (or valid, dev) and test.",
        ) from None


def divide(
    data: TableData | ExampleData,
    source: TableSource,
    rows: Rows,
    values: Sequence[Any],
    random: np.random.Generator,
) -> Division:
    """Divide rows by the rule that the config names, or at random.

    Args:
        values: What `split_values` returned for every row; the names of splits as `split_name` returns them.

    Raises:
        UserError: a split that must have rows has none, or there are too few groups or times.
    """
    split = data.split
    if source.splits is not None:
        hint = "Check the files that data.train, data.validation and data.test name."
        return divide_as_given(rows, split, values, random, must_have=source.given, hint=hint)
    if split.column is not None:
        hint = f"They are read from column {split.column!r}. Name another one with data.split.column, or leave it out."
        return divide_as_given(rows, split, values, random, must_have=("train", "test"), hint=hint)
    if split.folds is not None:
        return divide_into_folds(rows, split, None if split.group is None else values, random)
    if split.group is not None:
        return divide_by_group(rows, split, values, random)
    if split.time is not None:
        moments: Sequence[Moment] = values
        return divide_by_time(rows, split, moments)
    division = divide_at_random(rows, split, random)
    if data.train is not None:
        taken = f"{len(division.rows['validation']):,} validation rows and {len(division.rows['test']):,} test rows"
        division.notes.append(f"No validation or test rows were given: {taken} were taken from train at random.")
    return division
