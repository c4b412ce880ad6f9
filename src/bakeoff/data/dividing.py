"""Divide the rows of a table into train, validation and test, by whichever rule the config names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from bakeoff.data.config import TableSplit
from bakeoff.data.group_split import joined_keys, split_by_group
from bakeoff.data.label_stratification import split_by_label_sets
from bakeoff.data.leakage import Duplicates
from bakeoff.data.splitting import Keys, carve, numbered
from bakeoff.data.time_split import Moment, shown, split_by_time
from bakeoff.errors import UserError
from bakeoff.runs.data_report import GroupSplit, TimeSplit

SPLITS = ("train", "validation", "test")

RowsBySplit = dict[str, list[int]]
Parts = TypeVar("Parts")

_NOTEWORTHY = 0.05  # a split whose size is off by a larger share is reported
_LISTED = 5


@dataclass(frozen=True)
class Rows:
    """The rows that are divided: positions in lists that have an entry for every row of the table."""

    source: str
    chosen: Sequence[int]
    labels: list[int]  # indices into `label_names`; empty where a row can have several labels
    label_names: list[str]
    duplicates: Duplicates
    label_sets: list[tuple[int, ...]] | None = None  # the labels of each row, where it can have several
    out_of_scope: int = -1  # the label that is no class, if there is one: no split needs it

    @property
    def classes(self) -> set[int]:
        """Return the labels that a classifier learns."""
        return set(range(len(self.label_names))) - {self.out_of_scope}

    def labels_in(self, rows: Sequence[int]) -> set[int]:
        """Return the labels that these rows have."""
        if self.label_sets is None:
            return {self.labels[row] for row in rows}
        return {label for row in rows for label in self.label_sets[row]}

    def carve(
        self, rows: Sequence[int], size: int, keys: Keys, random: np.random.Generator, *, leave: int
    ) -> tuple[list[int], list[int]]:
        """Draw a random part of `rows`, stratified by label; arguments and result as of `splitting.carve`."""
        if self.label_sets is None:
            return carve(rows, size, keys, self.labels, random, leave=leave)
        parts = split_by_label_sets(
            rows, keys, self.label_sets, {"taken": size, "left": max(len(rows) - size, 0)}, random
        )
        return parts["taken"], parts["left"]

    def split(
        self, rows: Sequence[int], keys: Keys, sizes: Mapping[str, int], random: np.random.Generator
    ) -> dict[str, list[int]]:
        """Divide `rows` so that rows with the same key are in the same split; as `group_split.split_by_group`."""
        if self.label_sets is None:
            return split_by_group(rows, keys, self.labels, sizes, random)
        return split_by_label_sets(rows, keys, self.label_sets, sizes, random)


@dataclass(frozen=True)
class Division:
    """Rows by split, and what a reader should know about the rule."""

    rows: RowsBySplit  # with folds: train and validation of all rows, and the test rows of all folds in their order
    rule: GroupSplit | TimeSplit | None = None
    notes: list[str] = field(default_factory=list)
    folds: list[RowsBySplit] = field(default_factory=list)


def divide_at_random(rows: Rows, split: TableSplit, random: np.random.Generator) -> Division:
    """Divide at random, stratified by label."""

    def divide(keys: Keys) -> RowsBySplit:
        test, rest = rows.carve(rows.chosen, _size(split.test, rows), keys, random, leave=2)
        validation, train = rows.carve(rest, _size(split.validation, rows), keys, random, leave=1)
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

    def divide(keys: Keys) -> RowsBySplit:
        parts = dict(by_split)
        for left, name in zip(range(len(missing), 0, -1), missing, strict=True):
            share = getattr(split, name)
            # Of all rows, but a large test file must not take the training rows for the validation split.
            size = min(_size(share, rows), max(1, round(2 * share * len(by_split["train"]))))
            parts[name], parts["train"] = rows.carve(parts["train"], size, keys, random, leave=left)
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
    _check_groups(rows, column, groups, len(SPLITS), "train, validation and test need one each")
    sizes = _sizes(rows, split)

    def divide(keys: Keys) -> RowsBySplit:
        return rows.split(rows.chosen, keys, sizes, random)

    def lacking(parts: RowsBySplit) -> int:
        return 0 if _is_ample(parts, sizes, rows) else sum(abs(len(parts[name]) - sizes[name]) for name in SPLITS)

    parts, note = _first_ample(_keys_with_groups(rows, column, groups, "split"), divide, lacking)
    counted = {name: len({groups[row] for row in parts[name]}) for name in SPLITS}
    notes = [note] * bool(note) + _off_size(parts, sizes, f"all rows with one value of {column!r} stay in one split")
    return Division(parts, GroupSplit(group=column, groups=counted), notes + _absent(rows, parts))


def divide_into_folds(
    rows: Rows, split: TableSplit, groups: Sequence[str] | None, random: np.random.Generator
) -> Division:
    """Divide into folds, each of which is the test split once, and the rest of each into train and validation.

    Folds are stratified by label. Rows of a group stay in one fold, and so do identical and near-identical texts unless
    a fold would then starve; neither are they divided between train and validation.

    Args:
        groups: The group of every row, or None.

    Raises:
        UserError: there are fewer groups than folds, or than train, validation and test.
    """
    count = split.folds or 0
    column = str(split.group)
    fair = len(rows.chosen) / count
    if groups is None:
        candidates = [(rows.duplicates.near_keys, ""), *([(rows.duplicates.keys, "")] if rows.duplicates.pairs else [])]
    else:
        needed = max(count, len(SPLITS))
        _check_groups(rows, column, groups, needed, f"a division into {count} folds needs {needed}")
        candidates = _keys_with_groups(rows, column, groups, "fold")

    def divide(keys: Keys) -> list[RowsBySplit]:
        sizes = {str(number): round(fair * (number + 1)) - round(fair * number) for number in range(count)}
        tested = list(rows.split(rows.chosen, keys, sizes, random).values())
        return [_train_and_validation(test, keys, rows, split, random) for test in [*tested, []]]

    def lacking(parts: list[RowsBySplit]) -> int:
        ample = all(2 * len(part["test"]) >= fair and _has_all_classes(part, rows) for part in parts[:-1])
        return 0 if ample else round(sum(abs(len(part["test"]) - fair) for part in parts[:-1]))

    (*folds, whole), note = _first_ample(candidates, divide, lacking)
    whole["test"] = [row for fold in folds for row in fold["test"]]
    rule = None
    if groups is not None:
        rule = GroupSplit(group=column, groups={name: len({groups[row] for row in whole[name]}) for name in SPLITS})
    notes = [note] * bool(note)
    tested = [len(fold["test"]) for fold in folds]
    if max(abs(size - fair) for size in tested) > max(1, _NOTEWORTHY * fair):
        notes.append(f"The folds have {min(tested):,} to {max(tested):,} rows, because some rows must stay together.")
    return Division(whole, rule, notes, folds)


def _train_and_validation(
    test: Sequence[int], keys: Keys, rows: Rows, split: TableSplit, random: np.random.Generator
) -> RowsBySplit:
    """Divide the rows that are not in `test`."""
    tested = set(test)
    rest = [row for row in rows.chosen if row not in tested]
    size = _size(split.validation, rows)
    if split.group is None:
        validation, train = rows.carve(rest, size, keys, random, leave=1)
        return {"train": train, "validation": validation, "test": list(test)}
    parts = rows.split(rest, keys, {"train": len(rest) - size, "validation": size}, random)
    return {**parts, "test": list(test)}


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


def _check_groups(rows: Rows, column: str, groups: Sequence[str], needed: int, because: str) -> None:
    count = len({groups[row] for row in rows.chosen})
    if count < needed:
        raise UserError(
            f"{rows.source}: column {column!r} has {count} group{'s' if count > 1 else ''}, but {because}.",
            "Name another column with data.split.group, or leave it out for a random split.",
        )


def _keys_with_groups(rows: Rows, column: str, groups: Sequence[str], part: str) -> list[tuple[Keys, str]]:
    """Return keys of rows that must stay together, the strictest first, and a note on what each gives up.

    Args:
        part: What the rows are divided into: `split` or `fold`.
    """
    tied = f"tie so many values of {column!r} together that a {part} would be too small:"
    numbers, _ = numbered(groups)
    keys = [(joined_keys(numbers, rows.duplicates.near_keys, rows.chosen), "")]
    if rows.duplicates.pairs:
        note = f"Near-identical texts {tied} only identical ones were kept together."
        keys.append((joined_keys(numbers, rows.duplicates.keys, rows.chosen), note))
    return [*keys, (numbers, f"Identical texts {tied} they may be in more than one {part}.")]


def _first_ample(
    candidates: Sequence[tuple[Keys, str]], divide: Callable[[Keys], Parts], lacking: Callable[[Parts], int]
) -> tuple[Parts, str]:
    """Divide by the first keys that leave enough rows everywhere, or else those that lack the fewest.

    Args:
        candidates: Keys of rows that must stay together, each with a note.
        lacking: Returns the rows that are missing, 0 where there are enough.
    """
    best: tuple[int, Parts, str] | None = None
    for keys, note in candidates:
        parts = divide(keys)
        missing = lacking(parts)
        if best is None or missing < best[0]:
            best = (missing, parts, note)
        if not missing:
            break
    assert best is not None
    return best[1], best[2]


def _size(share: float, rows: Rows) -> int:
    return round(share * len(rows.chosen))


def _sizes(rows: Rows, split: TableSplit) -> dict[str, int]:
    """Return the wanted size of every split."""
    test, validation = _size(split.test, rows), _size(split.validation, rows)
    return {"train": len(rows.chosen) - validation - test, "validation": validation, "test": test}


def _with_duplicates_together(divide: Callable[[Keys], RowsBySplit], rows: Rows) -> RowsBySplit:
    """Keep near-duplicates in one split, or only identical texts where so much is alike that a split would starve."""
    parts = divide(rows.duplicates.near_keys)
    if rows.duplicates.pairs:
        wanted = divide(rows.duplicates.keys)
        if not _is_ample(parts, {name: len(wanted[name]) for name in SPLITS}, rows):
            return wanted
    return parts


def _is_ample(parts: RowsBySplit, sizes: dict[str, int], rows: Rows) -> bool:
    """Return whether every split has at least half of its size, and the training split every class."""
    return all(2 * len(parts[name]) >= sizes[name] for name in SPLITS) and _has_all_classes(parts, rows)


def _has_all_classes(parts: RowsBySplit, rows: Rows) -> bool:
    return rows.classes <= rows.labels_in(parts["train"])


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
        absent = sorted(rows.classes - rows.labels_in(parts[name]))
        if absent and parts[name]:
            listed = ", ".join(repr(rows.label_names[label]) for label in absent[:_LISTED])
            more = f" and {len(absent) - _LISTED} more" if len(absent) > _LISTED else ""
            notes.append(f"The {name} split has no row of {listed}{more}.")
    return notes
