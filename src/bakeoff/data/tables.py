"""A labeled table, read, checked and divided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from bakeoff.data.columns import (
    LABEL_NAMES,
    choose_column,
    choose_text_columns,
    label_of,
    look_alikes,
    row_names,
    row_texts,
)
from bakeoff.data.config import TableData, TableSplit
from bakeoff.data.fingerprint import fingerprint
from bakeoff.data.leaks import Likeness, likeness, report_likeness
from bakeoff.data.raw_tables import RawTable, read_raw_table
from bakeoff.data.splitting import carve
from bakeoff.data.types import LabeledTexts, SplitTable
from bakeoff.errors import UserError
from bakeoff.runs.results import DataReport, SplitReport

SIDE_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_SIDES = ("train", "validation", "test")


@dataclass
class _Rows:
    """Rows that can be used; lists of the same length."""

    ids: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    given_sides: list[str] = field(default_factory=list)  # empty where the split is random
    skipped: Counter[str] = field(default_factory=Counter)


def prepare_table(data: TableData, seed: int) -> tuple[SplitTable, DataReport]:
    """Read a table and divide its rows into train, validation and test.

    Shares are of all usable rows. The split is random (a function of the seed alone), stratified by label, and keeps
    identical and near-identical texts on one side; unless a column names the sides. Each side is shuffled.

    Raises:
        UserError: the source or a column is missing, empty or malformed, or there are not two classes with enough rows.
    """
    table = read_raw_table(data.table)
    rows = _usable_rows(table, data)
    random = np.random.default_rng(seed)
    chosen = list(range(len(rows.texts)))
    notes = []
    if data.rows is not None and data.rows < len(chosen):
        notes.append(f"A random sample of {data.rows:,} of {len(chosen):,} rows is used.")
        chosen = sorted(random.choice(len(chosen), size=data.rows, replace=False).tolist())
    alike = likeness(rows.texts, chosen)
    label_names = sorted({rows.labels[row] for row in chosen})
    for group in look_alikes(label_names):
        names = " and ".join(map(repr, group))
        notes.append(f"The labels {names} differ in nothing but case or white space, and are taken for classes apart.")
    different = {(rows.labels[row], alike.keys[row]) for row in chosen}
    _check_classes(table.source, Counter(label for label, _ in different), given_sides=bool(rows.given_sides))
    number_of = {name: number for number, name in enumerate(label_names)}
    labels = [number_of.get(name, -1) for name in rows.labels]

    def divide(keys: list[str]) -> dict[str, list[int]]:
        if rows.given_sides:
            return _sides_as_given(table.source, data.split, rows.given_sides, chosen, keys, labels, random)
        return _random_sides(data.split, chosen, keys, labels, random)

    sides = _divided(divide, alike, labels, len(label_names))
    _check_sides(table.source, sides, labels, label_names)

    def side(name: str) -> LabeledTexts:
        order = random.permutation(len(sides[name]))
        picked = [sides[name][position] for position in order]
        return LabeledTexts(
            ids=[rows.ids[row] for row in picked],
            texts=[rows.texts[row] for row in picked],
            labels=[labels[row] for row in picked],
        )

    split = SplitTable(label_names, side("train"), side("validation"), side("test"), data.text)
    report = _report(table, rows, split)
    report.split_seed = None if rows.given_sides else seed
    report.notes = notes
    report_likeness(report, alike, sides, rows.ids, rows.labels, "texts")
    return split, report


def _usable_rows(table: RawTable, data: TableData) -> _Rows:
    text_columns = choose_text_columns(table, data.text, "data.text")
    label_column = choose_column(table, data.label, LABEL_NAMES, "data.label")
    side_column = data.split.column
    sides: list[Any] = [None] * len(table)
    if side_column is not None:
        sides = table.columns[choose_column(table, side_column, (), "data.split.column")]
    rows = _Rows()
    columns = (row_names(table), row_texts(table, text_columns), table.columns[label_column], sides)
    for name, text, raw_label, raw_side in zip(*columns, strict=True):
        label = label_of(raw_label)
        if text is None:
            rows.skipped["the text is empty or missing"] += 1
            continue
        if isinstance(raw_label, list | dict):
            raise UserError(
                f"{table.source}, row {name}: the label in column {label_column!r} is {str(raw_label)[:40]!r}.",
                "A label is one word, number or phrase; texts with several labels at once are not supported.",
            )
        if label is None:
            rows.skipped["the label is missing"] += 1
            continue
        if side_column is not None:
            if label_of(raw_side) is None:
                rows.skipped["the side is missing"] += 1
                continue
            rows.given_sides.append(_side_name(table.source, side_column, str(raw_side)))
        rows.ids.append(name)
        rows.texts.append(text)
        rows.labels.append(label)
    if not rows.texts:
        reasons = ", ".join(f"{reason} in {count:,}" for reason, count in rows.skipped.items())
        raise UserError(
            f"{table.source} has no rows that can be used: {reasons or 'it is empty'}.",
            f"The text was read from {' and '.join(map(repr, text_columns))}, the label from {label_column!r}; "
            "set data.text and data.label if those are not the right ones.",
        )
    return rows


def _side_name(source: str, column: str, value: str) -> str:
    try:
        return SIDE_NAMES[value.strip().lower()]
    except KeyError:
        raise UserError(
            f"{source}: column {column!r} holds {value!r}, which is no name of a side.",
            "Its values must be train, validation (or valid, dev) and test.",
        ) from None


def _check_classes(source: str, counts: Counter[str], *, given_sides: bool) -> None:
    """Args: counts: Rows with different texts of each class; copies of one text can only stand on one side."""
    if len(counts) < 2:
        raise UserError(
            f"{source} has one class only: every label is {next(iter(counts))!r}.",
            "A classifier needs at least two; check data.label.",
        )
    rare = {label: count for label, count in counts.items() if count < len(_SIDES)}
    if rare and not given_sides:
        listed = ", ".join(
            f"{label!r} has {count} row{'s' if count > 1 else ''}" for label, count in sorted(rare.items())[:5]
        )
        raise UserError(
            f"{source}: {listed}{', ...' if len(rare) > 5 else ''}; each class needs a different text for each of the "
            "three sides (train, validation, test).",
            "Remove or merge such classes, or check data.label.",
        )


def _divided(
    divide: Callable[[list[str]], dict[str, list[int]]], alike: Likeness, labels: list[int], classes: int
) -> dict[str, list[int]]:
    """Near-identical texts on one side; or identical ones only, where too much is alike to make three sides of it."""
    sides = divide(alike.near_keys)
    if alike.pairs:
        wanted = divide(alike.keys)
        too_small = any(2 * len(sides[name]) < len(wanted[name]) for name in _SIDES)
        if too_small or len({labels[row] for row in sides["train"]}) < classes:
            return wanted
    return sides


def _random_sides(
    split: TableSplit, chosen: list[int], keys: list[str], labels: list[int], random: np.random.Generator
) -> dict[str, list[int]]:
    test, rest = carve(chosen, round(split.test * len(chosen)), keys, labels, random, leave=2)
    validation, train = carve(rest, round(split.validation * len(chosen)), keys, labels, random, leave=1)
    return {"train": train, "validation": validation, "test": test}


def _sides_as_given(
    source: str,
    split: TableSplit,
    given: list[str],
    chosen: list[int],
    keys: list[str],
    labels: list[int],
    random: np.random.Generator,
) -> dict[str, list[int]]:
    """The sides that the column names. Where it names no validation rows, they are taken from train."""
    sides = {name: [row for row in chosen if given[row] == name] for name in _SIDES}
    for name in ("train", "test"):
        if not sides[name]:
            raise UserError(
                f"{source}: no row has the side {name!r} in column {split.column!r}.",
                "Name another column with data.split.column, or leave it out for a random split.",
            )
    if not sides["validation"]:
        size = round(split.validation * len(chosen))
        sides["validation"], sides["train"] = carve(sides["train"], size, keys, labels, random, leave=1)
    return sides


def _check_sides(source: str, sides: dict[str, list[int]], labels: list[int], label_names: list[str]) -> None:
    """Every side must have rows, and train must have every class, or it could not be learned."""
    for name in _SIDES:
        if not sides[name]:
            raise UserError(f"{source} leaves no rows for the side {name!r}.", "Give more rows, or change data.split.")
    absent = set(range(len(label_names))) - {labels[row] for row in sides["train"]}
    if absent:
        names = ", ".join(repr(label_names[number]) for number in sorted(absent))
        raise UserError(
            f"{source}: no training row is left for {names}.",
            "The class needs more different texts, or remove it from the table.",
        )


def _report(table: RawTable, rows: _Rows, split: SplitTable) -> DataReport:
    sides = {"train": split.train, "validation": split.validation, "test": split.test}
    named = {
        name: [
            (row, text, split.label_names[label])
            for row, text, label in zip(side.ids, side.texts, side.labels, strict=True)
        ]
        for name, side in sides.items()
    }
    return DataReport(
        source=table.source,
        files=table.files,
        fingerprint=fingerprint((name, chain.from_iterable(row[1:] for row in side)) for name, side in named.items()),
        splits=[
            SplitReport(
                name=name,
                rows=len(side),
                characters=sum(map(len, side.texts)),
                labels={label: side.labels.count(number) for number, label in enumerate(split.label_names)},
                # Sides are shuffled: in the order of the rows' names the same rows are the same side.
                fingerprint=fingerprint([(name, chain.from_iterable(sorted(named[name])))]),
            )
            for name, side in sides.items()
        ],
        skipped=dict(rows.skipped),
    )
