"""Read a labeled table, check it and split it."""

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
from bakeoff.data.leakage import Duplicates, find_duplicates, report_leakage
from bakeoff.data.raw_tables import RawTable, read_raw_table
from bakeoff.data.splitting import carve
from bakeoff.data.types import LabeledTexts, SplitTable
from bakeoff.errors import UserError
from bakeoff.runs.data_report import DataReport, SplitReport

SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Names of splits in a table -> ours."""

_SPLITS = ("train", "validation", "test")

RowsBySplit = dict[str, list[int]]


@dataclass
class _Rows:
    """The rows that can be used; lists of the same length."""

    ids: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    given_splits: list[str] = field(default_factory=list)  # empty where the split is random
    skipped: Counter[str] = field(default_factory=Counter)


def prepare_table(data: TableData, seed: int) -> tuple[SplitTable, DataReport]:
    """Read a table and split its rows into train, validation and test.

    Shares are of all usable rows. The split is random (a function of the seed alone), stratified by label, and keeps
    identical and near-identical texts together, unless a column names the splits. Each split is shuffled.

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
    duplicates = find_duplicates(rows.texts, chosen)
    label_names = sorted({rows.labels[row] for row in chosen})
    for group in look_alikes(label_names):
        names = " and ".join(map(repr, group))
        notes.append(f"The labels {names} differ only in case or white space; each is a class of its own.")
    distinct = {(rows.labels[row], duplicates.keys[row]) for row in chosen}
    _check_classes(table.source, Counter(label for label, _ in distinct), given_splits=bool(rows.given_splits))
    id_of = {name: id for id, name in enumerate(label_names)}
    labels = [id_of.get(name, -1) for name in rows.labels]

    def divide(keys: list[str]) -> RowsBySplit:
        if rows.given_splits:
            return _given_splits(table.source, data.split, rows.given_splits, chosen, keys, labels, random)
        return _random_splits(data.split, chosen, keys, labels, random)

    rows_of = _divide(divide, duplicates, labels, len(label_names))
    _check_splits(table.source, rows_of, labels, label_names)

    def shuffled(name: str) -> LabeledTexts:
        order = random.permutation(len(rows_of[name]))
        picked = [rows_of[name][position] for position in order]
        return LabeledTexts(
            ids=[rows.ids[row] for row in picked],
            texts=[rows.texts[row] for row in picked],
            labels=[labels[row] for row in picked],
        )

    split = SplitTable(label_names, shuffled("train"), shuffled("validation"), shuffled("test"), data.text)
    report = _report(table, rows, split)
    report.split_seed = None if rows.given_splits else seed
    report.notes = notes
    report_leakage(report, duplicates, rows_of, rows.ids, rows.labels, "texts")
    return split, report


def _usable_rows(table: RawTable, data: TableData) -> _Rows:
    """Collect the rows that have a text and a label, and count the others by reason."""
    text_columns = choose_text_columns(table, data.text, "data.text")
    label_column = choose_column(table, data.label, LABEL_NAMES, "data.label")
    split_column = data.split.column
    raw_splits: list[Any] = [None] * len(table)
    if split_column is not None:
        raw_splits = table.columns[choose_column(table, split_column, (), "data.split.column")]
    rows = _Rows()
    columns = (row_names(table), row_texts(table, text_columns), table.columns[label_column], raw_splits)
    for name, text, raw_label, raw_split in zip(*columns, strict=True):
        label = label_of(raw_label)
        if text is None:
            rows.skipped["the text is empty or missing"] += 1
            continue
        if isinstance(raw_label, list | dict):
            raise UserError(
                f"{table.source}, row {name}: the label in column {label_column!r} is {str(raw_label)[:40]!r}.",
                "A label is one word, number or phrase. Several labels per text are not supported.",
            )
        if label is None:
            rows.skipped["the label is missing"] += 1
            continue
        if split_column is not None:
            if label_of(raw_split) is None:
                rows.skipped["the split is missing"] += 1
                continue
            rows.given_splits.append(_split_name(table.source, split_column, str(raw_split)))
        rows.ids.append(name)
        rows.texts.append(text)
        rows.labels.append(label)
    if not rows.texts:
        reasons = ", ".join(f"{reason} in {count:,}" for reason, count in rows.skipped.items())
        raise UserError(
            f"{table.source} has no rows that can be used: {reasons or 'it is empty'}.",
            f"The text was read from {' and '.join(map(repr, text_columns))}, the label from {label_column!r}; "
            "set data.text and data.label if those are not the right columns.",
        )
    return rows


def _split_name(source: str, column: str, value: str) -> str:
    try:
        return SPLIT_NAMES[value.strip().lower()]
    except KeyError:
        raise UserError(
            f"{source}: column {column!r} holds {value!r}, which is not the name of a split.",
            "Its values must be train, validation (or valid, dev) and test.",
        ) from None


def _check_classes(source: str, counts: Counter[str], *, given_splits: bool) -> None:
    """Refuse a table with one class, or with a class too small for a random split.

    Args:
        counts: Distinct texts of each class; copies of one text cannot be in different splits.
    """
    if len(counts) < 2:
        raise UserError(
            f"{source} has one class only: every label is {next(iter(counts))!r}.",
            "A classifier needs at least two; check data.label.",
        )
    rare = {label: count for label, count in counts.items() if count < len(_SPLITS)}
    if rare and not given_splits:
        listed = ", ".join(
            f"{label!r} has {count} row{'s' if count > 1 else ''}" for label, count in sorted(rare.items())[:5]
        )
        raise UserError(
            f"{source}: {listed}{', ...' if len(rare) > 5 else ''}. Each class needs at least three different texts, "
            "one each for train, validation and test.",
            "Remove or merge such classes, or check data.label.",
        )


def _divide(
    divide: Callable[[list[str]], RowsBySplit], duplicates: Duplicates, labels: list[int], classes: int
) -> RowsBySplit:
    """Keep near-duplicates in one split, or only identical texts where so much is alike that a split would starve."""
    rows_of = divide(duplicates.near_keys)
    if duplicates.pairs:
        wanted = divide(duplicates.keys)
        too_small = any(2 * len(rows_of[name]) < len(wanted[name]) for name in _SPLITS)
        if too_small or len({labels[row] for row in rows_of["train"]}) < classes:
            return wanted
    return rows_of


def _random_splits(
    split: TableSplit, chosen: list[int], keys: list[str], labels: list[int], random: np.random.Generator
) -> RowsBySplit:
    test, rest = carve(chosen, round(split.test * len(chosen)), keys, labels, random, leave=2)
    validation, train = carve(rest, round(split.validation * len(chosen)), keys, labels, random, leave=1)
    return {"train": train, "validation": validation, "test": test}


def _given_splits(
    source: str,
    split: TableSplit,
    given: list[str],
    chosen: list[int],
    keys: list[str],
    labels: list[int],
    random: np.random.Generator,
) -> RowsBySplit:
    """Use the splits that the column names. Where it names no validation rows, take them from train."""
    rows_of = {name: [row for row in chosen if given[row] == name] for name in _SPLITS}
    for name in ("train", "test"):
        if not rows_of[name]:
            raise UserError(
                f"{source}: no row belongs to the split {name!r} in column {split.column!r}.",
                "Name another column with data.split.column, or leave it out for a random split.",
            )
    if not rows_of["validation"]:
        size = round(split.validation * len(chosen))
        rows_of["validation"], rows_of["train"] = carve(rows_of["train"], size, keys, labels, random, leave=1)
    return rows_of


def _check_splits(source: str, rows_of: RowsBySplit, labels: list[int], label_names: list[str]) -> None:
    """Refuse an empty split, and a training split that lacks a class."""
    for name in _SPLITS:
        if not rows_of[name]:
            raise UserError(f"{source} leaves no rows for the {name} split.", "Give more rows, or change data.split.")
    absent = set(range(len(label_names))) - {labels[row] for row in rows_of["train"]}
    if absent:
        names = ", ".join(repr(label_names[id]) for id in sorted(absent))
        raise UserError(
            f"{source}: no training row is left for {names}.",
            "Add more different texts of that class, or remove it from the table.",
        )


def _report(table: RawTable, rows: _Rows, split: SplitTable) -> DataReport:
    texts_of = {"train": split.train, "validation": split.validation, "test": split.test}
    named_rows = {
        name: [
            (row, text, split.label_names[label])
            for row, text, label in zip(texts.ids, texts.texts, texts.labels, strict=True)
        ]
        for name, texts in texts_of.items()
    }
    return DataReport(
        source=table.source,
        files=table.files,
        fingerprint=fingerprint(
            (name, chain.from_iterable(row[1:] for row in named)) for name, named in named_rows.items()
        ),
        splits=[
            SplitReport(
                name=name,
                rows=len(texts),
                characters=sum(map(len, texts.texts)),
                labels={label: texts.labels.count(id) for id, label in enumerate(split.label_names)},
                # Splits are shuffled. Sorted by the rows' names, the same rows always have the same fingerprint.
                fingerprint=fingerprint([(name, chain.from_iterable(sorted(named_rows[name])))]),
            )
            for name, texts in texts_of.items()
        ],
        skipped=dict(rows.skipped),
    )
