"""Divide the rows of a table into train, validation and test, by whichever rule the config names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from bakeoff.data.config import TableSplit
from bakeoff.data.group_split import joined_keys, split_by_group
from bakeoff.data.leakage import Duplicates
from bakeoff.data.splitting import carve
from bakeoff.data.time_split import Moment, shown, split_by_time
from bakeoff.errors import UserError
from bakeoff.runs.data_report import GroupSplit, TimeSplit

SPLITS = ("train", "validation", "test")

RowsBySplit = dict[str, list[int]]

_NOTEWORTHY = 0.05  # a split whose size is off by a larger share is reported
_LISTED = 5


@dataclass(frozen=True)
class Rows:
    """The rows that are divided: positions in lists that have an entry for every row of the table."""

    source: str
    chosen: list[int]
    labels: list[int]  # indices into `label_names`
    label_names: list[str]
    duplicates: Duplicates


@dataclass(frozen=True)
class Division:
    """Rows by split, and what a reader should know about the rule."""

    rows: RowsBySplit
    rule: GroupSplit | TimeSplit | None = None
    notes: list[str] = field(default_factory=list)


def divide_at_random(rows: Rows, split: TableSplit, random: np.random.Generator) -> Division:
    """Divide at random, stratified by label."""

    def divide(keys: list[str]) -> RowsBySplit:
        test, rest = carve(rows.chosen, _size(split.test, rows), keys, rows.labels, random, leave=2)
        validation, train = carve(rest, _size(split.validation, rows), keys, rows.labels, random, leave=1)
        return {"train": train, "validation": validation, "test": test}

    return Division(_with_duplicates_together(divide, rows))


def divide_as_given(
    rows: Rows,
    split: TableSplit,
    given: Sequence[str],
    random: np.random.Generator,
    *,
    must_have: Collection[str],
    hint: str,
) -> Division:
    """Use the given split of each row; a split without rows is taken from train, stratified by label.

    Args:
        given: The split of every row.
        must_have: Splits that cannot be taken from train.
        hint: What to do if one of these has no rows.

    Raises:
        UserError: one of these has no rows.
    """
    by_split = {name: [row for row in rows.chosen if given[row] == name] for name in SPLITS}
    for name in SPLITS:
        if name in must_have and not by_split[name]:
            raise UserError(f"{rows.source}: no row belongs to the split {name!r}.", hint)
    missing = [name for name in ("test", "validation") if not by_split[name]]

    def divide(keys: list[str]) -> RowsBySplit:
        parts = dict(by_split)
        for left, name in zip(range(len(missing), 0, -1), missing, strict=True):
            size = _size(getattr(split, name), rows)
            parts[name], parts["train"] = carve(parts["train"], size, keys, rows.labels, random, leave=left)
        return parts

    parts = _with_duplicates_together(divide, rows)
    taken = [f"{len(parts[name]):,} {name} rows" for name in reversed(missing)]
    notes = [
        f"No {' or '.join(reversed(missing))} rows were given: {' and '.join(taken)} were taken from train at random."
    ]
    return Division(parts, notes=(notes if missing else []) + _absent(rows, parts))


def divide_by_group(rows: Rows, split: TableSplit, groups: Sequence[str], random: np.random.Generator) -> Division:
    """Keep all rows of a group in one split, and near-duplicates with them unless a split would then starve.

    Args:
        groups: The group of every row.

    Raises:
        UserError: there are fewer than three groups.
    """
    column = str(split.group)
    count = len({groups[row] for row in rows.chosen})
    if count < len(SPLITS):
        raise UserError(
            f"{rows.source}: column {column!r} has {count} group{'s' if count > 1 else ''}, but train, validation and "
            "test need one each.",
            "Name another column with data.split.group, or leave it out for a random split.",
        )
    sizes = _sizes(rows, split)
    tied = f"tie so many values of {column!r} together that a split would be too small:"
    candidates = [(joined_keys(groups, rows.duplicates.near_keys, rows.chosen), "")]
    if rows.duplicates.pairs:
        note = f"Near-identical texts {tied} only identical ones were kept together."
        candidates.append((joined_keys(groups, rows.duplicates.keys, rows.chosen), note))
    candidates.append((list(groups), f"Identical texts {tied} they may be in more than one split."))
    best: tuple[int, RowsBySplit, str] | None = None
    for keys, note in candidates:
        parts = split_by_group(rows.chosen, keys, rows.labels, sizes, random)
        lacking = 0 if _is_ample(parts, sizes, rows) else sum(abs(len(parts[name]) - sizes[name]) for name in SPLITS)
        if best is None or lacking < best[0]:
            best = (lacking, parts, note)
        if not lacking:
            break
    assert best is not None
    _, parts, note = best
    counted = {name: len({groups[row] for row in parts[name]}) for name in SPLITS}
    notes = [note] * bool(note) + _off_size(parts, sizes, f"all rows with one value of {column!r} stay in one split")
    return Division(parts, GroupSplit(group=column, groups=counted), notes + _absent(rows, parts))


def divide_by_time(rows: Rows, split: TableSplit, moments: Sequence[Moment]) -> Division:
    """Train on the earliest rows, validate on those after them, test on the latest. Equal times stay together.

    Args:
        moments: The time of every row.

    Raises:
        UserError: there are fewer than three different times.
    """
    column = str(split.time)
    sizes = _sizes(rows, split)
    parts = split_by_time(rows.chosen, moments, sizes)
    if parts is None:
        raise UserError(
            f"{rows.source}: column {column!r} has fewer than three different times, but train, validation and test "
            "need one each.",
            "Name another column with data.split.time, or leave it out for a random split.",
        )
    rule = TimeSplit(
        time=column,
        first={name: shown(moments[parts[name][0]]) for name in SPLITS},
        last={name: shown(moments[parts[name][-1]]) for name in SPLITS},
    )
    return Division(parts, rule, _off_size(parts, sizes, "rows of one time stay in one split") + _absent(rows, parts))


def _size(share: float, rows: Rows) -> int:
    return round(share * len(rows.chosen))


def _sizes(rows: Rows, split: TableSplit) -> dict[str, int]:
    """Return the wanted size of every split."""
    test, validation = _size(split.test, rows), _size(split.validation, rows)
    return {"train": len(rows.chosen) - validation - test, "validation": validation, "test": test}


def _with_duplicates_together(divide: Callable[[list[str]], RowsBySplit], rows: Rows) -> RowsBySplit:
    """Keep near-duplicates in one split, or only identical texts where so much is alike that a split would starve."""
    parts = divide(rows.duplicates.near_keys)
    if rows.duplicates.pairs:
        wanted = divide(rows.duplicates.keys)
        if not _is_ample(parts, {name: len(wanted[name]) for name in SPLITS}, rows):
            return wanted
    return parts


def _is_ample(parts: RowsBySplit, sizes: dict[str, int], rows: Rows) -> bool:
    """Return whether every split has at least half of its size, and the training split every class."""
    ample = all(2 * len(parts[name]) >= sizes[name] for name in SPLITS)
    return ample and len({rows.labels[row] for row in parts["train"]}) == len(rows.label_names)


def _off_size(parts: RowsBySplit, sizes: dict[str, int], because: str) -> list[str]:
    off = [
        f"{name} has {len(parts[name]):,} rows instead of {sizes[name]:,}"
        for name in SPLITS
        if abs(len(parts[name]) - sizes[name]) > _NOTEWORTHY * sizes[name]
    ]
    return [f"Sizes differ from the wanted ones, because {because}: {', '.join(off)}."] if off else []


def _absent(rows: Rows, parts: RowsBySplit) -> list[str]:
    """Name the classes that validation or test lack."""
    notes = []
    for name in SPLITS[1:]:
        absent = sorted(set(range(len(rows.label_names))) - {rows.labels[row] for row in parts[name]})
        if absent and parts[name]:
            listed = ", ".join(repr(rows.label_names[label]) for label in absent[:_LISTED])
            more = f" and {len(absent) - _LISTED} more" if len(absent) > _LISTED else ""
            notes.append(f"The {name} split has no row of {listed}{more}.")
    return notes
