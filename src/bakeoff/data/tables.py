"""Read a labeled table, check it and split it."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.data.cells import NotTextError, cell_of, check_occurs, label_of, labels_of, unlabeled_note
from bakeoff.data.columns import look_alikes, path_notes, row_texts, text_notes
from bakeoff.data.config import TableData
from bakeoff.data.dividing import SPLITS, Rows, RowsBySplit
from bakeoff.data.fingerprint import fingerprint
from bakeoff.data.label_sets import read_label_sets, with_lists
from bakeoff.data.leakage import find_duplicates, report_leakage
from bakeoff.data.out_of_scope import check_label, missing_texts, moved_note, set_apart
from bakeoff.data.parts import nested_parts
from bakeoff.data.raw_tables import RawTable
from bakeoff.data.reading import row_count
from bakeoff.data.row_texts import Cell, RowTexts, cell_columns, picked
from bakeoff.data.split_rules import divide, split_name, split_values
from bakeoff.data.splitting import Keys, folded
from bakeoff.data.table_sources import TableSource, read_table_source, refuse_if_empty
from bakeoff.data.types import LabeledTexts, OutOfScopeTexts, SplitTable, joined
from bakeoff.errors import UserError
from bakeoff.runs.data_report import DataReport, GroupSplit, OutOfScopeReport, SplitReport, TimeSplit

_LISTED = 10


@dataclass
class _Rows:
    """The rows that can be used; lists of the same length."""

    numbers: array[int] = field(default_factory=lambda: array("q"))  # in the table, from 0
    ids: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)  # several labels of one text are joined by commas
    split_values: list[Any] = field(default_factory=list)  # given split, group or time; None where the split is random
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    label_sets: list[frozenset[str]] | None = None  # where a text can have several labels
    label_names: list[str] = field(default_factory=list)  # of these


def prepare_table(data: TableData, seed: int, shares: Sequence[float] = ()) -> tuple[SplitTable, DataReport]:
    """Read a table and split its rows into train, validation and test.

    Shares are of all usable rows. The split is random (a function of the seed alone), stratified by label, and keeps
    identical and near-identical texts together, unless files, a column, groups or times decide. Each split is shuffled.
    With folds, every row is in the test split of one of them.

    Args:
        shares: Of the training rows, for a learning curve: in ascending order, below 1. They change nothing else.

    Raises:
        UserError: the source or a column is missing, empty or malformed, or there are not two classes with enough rows.
    """
    source = read_table_source(data)
    rows = _usable_rows(source, data)
    apart_label = data.out_of_scope
    if apart_label is not None:
        check_label(source.table.source, apart_label, None if rows.label_sets is not None else rows.labels)
    random = np.random.default_rng(seed)
    chosen: Sequence[int] = range(len(rows.texts))
    notes = [*source.table.notes, *rows.notes]
    if data.rows is not None and data.rows < len(chosen):
        notes.append(f"A random sample of {data.rows:,} of {len(chosen):,} rows is used.")
        chosen = sorted(random.choice(len(chosen), size=data.rows, replace=False).tolist())
    is_random = source.splits is None and data.split.rule is None
    if rows.label_sets is None:
        _check_classes(source.table.source, sorted({rows.labels[row] for row in chosen} - {apart_label}))
    if rows.label_sets is None and is_random and (rare := _rare_classes(rows, chosen)):
        notes.append(_set_aside(rows, rare, chosen))
        chosen = [row for row in chosen if rows.labels[row] not in rare]
        _check_classes(source.table.source, sorted({rows.labels[row] for row in chosen} - {apart_label}), notes[-1])
    duplicates = find_duplicates(rows.texts, chosen)
    label_names = sorted({rows.labels[row] for row in chosen} - {apart_label})
    if rows.label_sets is not None:
        label_names = _frequent_labels(rows, rows.label_sets, duplicates.keys, chosen, is_random, notes)
    for group in look_alikes(label_names):
        names = " and ".join(map(repr, group))
        notes.append(f"The labels {names} differ only in case or white space; each is a class of its own.")
    id_of = {name: id for id, name in enumerate(label_names)}
    labels = [id_of.get(name, -1) for name in rows.labels] if rows.label_sets is None else []
    sets: list[tuple[int, ...]] | None = None
    if rows.label_sets is not None:
        sets = [tuple(sorted(id_of[name] for name in row if name in id_of)) for row in rows.label_sets]
    all_names = label_names
    if apart_label is not None:
        all_names = [*label_names, apart_label]
        labels = [
            len(label_names) if name == apart_label else label for name, label in zip(rows.labels, labels, strict=True)
        ]
    all_rows = Rows(
        source.table.source,
        chosen,
        labels,
        all_names,
        duplicates,
        sets,
        -1 if apart_label is None else len(label_names),
    )
    division = divide(data, source, all_rows, rows.split_values, random)
    whole = rows_of = division.rows
    if apart_label is not None:
        rows_of, whole, moved = set_apart(division.rows, labels, len(label_names))
        if absent := missing_texts(source.table.source, apart_label, rows_of, whole):
            raise absent
        notes += moved_note(apart_label, moved)
    different = len(np.unique(duplicates.keys[chosen]))
    for number, fold in enumerate(division.folds, start=1):
        tested = f"{source.table.source}, tested on fold {number}"
        _check_splits(tested, fold, division.rule, all_rows, different)
    if not division.folds:
        _check_splits(source.table.source, rows_of, division.rule, all_rows, different)
    matrix: npt.NDArray[np.bool_] | None = None
    if sets is not None:
        trained = [fold["train"] for fold in division.folds or [rows_of]]
        label_names, matrix = _learnable(source.table.source, label_names, sets, trained, notes)

    features = _features(source, rows, chosen, notes)
    all_texts = RowTexts(rows.texts, features) if features else rows.texts
    if features:
        notes += _same_texts_with_other_cells(duplicates.keys, chosen, features)

    def texts(those: Sequence[int]) -> LabeledTexts:
        return LabeledTexts(
            ids=[rows.ids[row] for row in those],
            texts=picked(all_texts, those),
            labels=[labels[row] for row in those] if matrix is None else [],
            label_sets=None if matrix is None else matrix[those],
        )

    def table(parts: RowsBySplit) -> tuple[SplitTable, RowsBySplit]:
        order = {
            name: [parts[name][position] for position in random.permutation(len(parts[name])).tolist()]
            for name in SPLITS
        }
        train, validation, test = (texts(order[name]) for name in SPLITS)
        return SplitTable(label_names, train, validation, test, data.text), order

    split, order = table(rows_of)
    tested_rows = order["test"]
    if division.folds:
        tables = [table(fold) for fold in division.folds]
        tested_rows = [row for _, its_order in tables for row in its_order["test"]]
        folds = [replace(fold, is_fold=True) for fold, _ in tables]
        split = replace(split, test=joined([fold.test for fold in folds]), folds=folds)
    groups = None if data.split.group is None else rows.split_values
    if shares and sets is not None:
        raise UserError(
            "learning_curve is for tables in which every text has one label, and here a text can have several.",
            "Leave out learning_curve.",
        )
    # With a generator of its own, so that the splits are the same with and without a learning curve.
    parts = nested_parts(order["train"], shares, labels, duplicates, groups, np.random.default_rng([seed, 1]))
    split = replace(
        split,
        parts=[texts(part) for part in parts],
        test_columns=_other_columns(source, [rows.numbers[row] for row in tested_rows]),
    )
    if apart_label is not None:
        choosing, judging = (
            texts([row for row in whole[name] if labels[row] == len(label_names)]) for name in SPLITS[1:]
        )
        split = replace(split, out_of_scope=OutOfScopeTexts(apart_label, choosing, judging))
    report = _report(source.table, rows, split)
    report.split_seed = seed if is_random or data.split.group is not None else None
    report.split_rule = division.rule
    report.parts = [len(part) for part in split.parts]
    report.folds = [len(fold.test) for fold in split.folds]
    report.notes = notes + division.notes
    apart = {f"fold {number}": fold["test"] for number, fold in enumerate(division.folds, start=1)} or whole
    part = "fold" if division.folds else "split"
    report_leakage(report, duplicates, apart, rows.ids, rows.labels, "texts", part=part)
    return split, report


def _usable_rows(source: TableSource, data: TableData) -> _Rows:
    """Collect the rows that have a text, a label and what the split needs, and count the others by reason."""
    table = source.table
    cells = [table.column(name) for name in source.label]
    unlabeled = label_of(data.unlabeled)
    found = read_label_sets(table.source, source.label, cells, source.names, data.labels, unlabeled)
    labels: Sequence[str | frozenset[str] | None]
    labels, notes = labels_of(with_lists(cells[0])) if found is None else (found.rows, [found.note])
    if unlabeled is not None:
        marks = labels if found is None else [label_of(cell) for column in cells for cell in with_lists(column)]
        names = {name for name in marks if isinstance(name, str)}
        check_occurs(table.source, "data.unlabeled", unlabeled, names)
    rows = _Rows(notes=[*text_notes(table, source.text), *path_notes(table, source.label), *notes])
    if found is not None:
        rows.label_sets, rows.label_names = [], found.names
    columns = (source.names, row_texts(table, source.text), labels, split_values(source, data, rows.notes))
    for number, (name, text, label, (split_value, problem)) in enumerate(zip(*columns, strict=True)):
        if text is None:
            rows.skipped["the text is empty or missing"] += 1
            continue
        if label is None:
            rows.skipped["the label is missing"] += 1
            continue
        if label == unlabeled:
            rows.skipped[f"the label is {label!r}, which marks rows without one"] += 1
            continue
        if problem:
            rows.skipped[problem] += 1
            continue
        if data.split.column is not None:
            split_value = split_name(table.source, data.split.column, split_value)
        rows.numbers.append(number)
        rows.ids.append(name)
        rows.texts.append(text)
        rows.split_values.append(split_value)
        if isinstance(label, str):
            rows.labels.append(label)
        elif rows.label_sets is not None:
            rows.labels.append(", ".join(sorted(label)))
            rows.label_sets.append(label)
    if rows.label_sets and (without := sum(not labels for labels in rows.label_sets)):
        rows.notes.append(f"{row_count(without)} no label: none of the labels applies to the text.")
    if rows.label_sets and all(len(labels) == 1 for labels in rows.label_sets):
        rows.notes.append(
            "Every text has exactly one label. Labels that exclude each other are learned better from one column that "
            "names the label of each row."
        )
    if note := unlabeled_note(Counter(rows.labels)):
        rows.notes.append(note)
    way_out = (
        f"The text was read from {' and '.join(map(repr, source.text))}, the label from "
        f"{' and '.join(map(repr, source.label))}; "
        "set data.text and data.label if those are not the right columns."
    )
    refuse_if_empty(source, rows.texts, rows.skipped, way_out)
    return rows


def _features(source: TableSource, rows: _Rows, chosen: Sequence[int], notes: list[str]) -> dict[str, list[Cell]]:
    """Return the cells of the usable rows in the columns of `data.features`.

    Args:
        chosen: The rows that are used.
        notes: Gets sentences on cells that are missing.

    Raises:
        UserError: a column is empty, or holds lists or objects.
    """
    features = {}
    for name in source.features:
        column = source.table.column(name)
        try:
            cells = [cell_of(column[number]) for number in rows.numbers]
        except NotTextError as error:
            raise UserError(
                f"{source.table.source}: column {name!r} of data.features holds {error.what}: {error.shown()}.",
                "Features are numbers, dates and categories. Name a path inside it, or leave it out.",
            ) from None
        missing = sum(cells[row] is None for row in chosen)
        if missing == len(chosen):
            raise UserError(
                f"{source.table.source}: column {name!r} of data.features is empty in every row that is used.",
                "Leave it out.",
            )
        if missing:
            notes.append(f"{row_count(missing)} no value in column {name!r}.")
        features[name] = cells
    return features


def _same_texts_with_other_cells(
    keys: Keys, chosen: Sequence[int], features: Mapping[str, Sequence[Cell]]
) -> list[str]:
    """Say how many texts occur with different features: they count as identical all the same."""
    cells: dict[int, set[tuple[Cell, ...]]] = {}
    for row, key in zip(chosen, keys[chosen].tolist(), strict=True):
        cells.setdefault(key, set()).add(tuple(column[row] for column in features.values()))
    count = sum(len(different) > 1 for different in cells.values())
    if not count:
        return []
    several = f"{count:,} texts occur" if count > 1 else "1 text occurs"
    return [f"{several} more than once with different features: such rows count as duplicates, and stay together."]


def _other_columns(source: TableSource, numbers: Sequence[int]) -> dict[str, list[Any]]:
    """Return the cells of some rows in all columns but those of texts and labels."""
    read = {*source.text, *source.label}
    columns = source.table.columns
    return {name: [cells[number] for number in numbers] for name, cells in columns.items() if name not in read}


def _frequent_labels(
    rows: _Rows,
    label_sets: Sequence[frozenset[str]],
    keys: Keys,
    chosen: Sequence[int],
    is_random: bool,
    notes: list[str],
) -> list[str]:
    """Return the labels that can be learned, in order; say which are left out because too few texts have them.

    Args:
        is_random: Every split must get a text of each label. If not, whatever the training split has can be learned.
        notes: Gets a sentence.
    """
    rows_and_keys = zip(chosen, keys[chosen].tolist(), strict=True)
    texts = Counter(label for label, _ in {(label, key) for row, key in rows_and_keys for label in label_sets[row]})
    needed = len(SPLITS) if is_random else 1
    frequent = [name for name in rows.label_names if texts[name] >= needed]
    rare = [name for name in rows.label_names if 0 < texts[name] < needed]
    if rare:
        notes.append(f"Left out are labels that fewer than three different texts have: {_listed(rare)}.")
    return frequent


def _learnable(
    source: str, label_names: list[str], sets: list[tuple[int, ...]], trained: list[list[int]], notes: list[str]
) -> tuple[list[str], npt.NDArray[np.bool_]]:
    """Leave out labels that all texts of a training split have, or none.

    Args:
        trained: The rows of each training split.
        notes: Gets a sentence.

    Returns:
        The other labels, and which each row has, shape (rows, labels).

    Raises:
        UserError: fewer than two labels are left.
    """
    matrix = np.zeros((len(sets), len(label_names)), dtype=np.bool_)
    for row, labels in enumerate(sets):
        matrix[row, list(labels)] = True
    shares = np.array([matrix[rows].mean(axis=0) for rows in trained])
    constant = (shares == 0).any(axis=0) | (shares == 1).any(axis=0)
    if constant.any():
        names = [name for name, out in zip(label_names, constant, strict=True) if out]
        notes.append(f"Left out are labels that no training text has, or all: {_listed(names)}.")
    kept = [name for name, out in zip(label_names, constant, strict=True) if not out]
    if len(kept) < 2:
        raise UserError(
            f"{source} has {len(kept) or 'no'} label{'' if len(kept) == 1 else 's'} that can be learned"
            f"{': ' if kept else ''}{', '.join(map(repr, kept))}. {' '.join(notes)}",
            "Several labels need at least two, each of them in some training texts, not in all; check data.label.",
        )
    return kept, matrix[:, ~constant]


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(map(repr, names[:_LISTED]))}{', ...' if len(names) > _LISTED else ''} ({len(names):,} in all)"


def _rare_classes(rows: _Rows, chosen: Sequence[int]) -> dict[str, int]:
    """Return the classes too small for a random split, with their different texts; copies cannot be divided."""
    texts: dict[str, set[str]] = {}
    for row in chosen:
        some = texts.setdefault(rows.labels[row], set())
        if len(some) < len(SPLITS):
            some.add(folded(rows.texts[row]))
    return {label: len(some) for label, some in sorted(texts.items()) if len(some) < len(SPLITS)}


def _set_aside(rows: _Rows, rare: dict[str, int], chosen: Sequence[int]) -> str:
    """Count the rows of classes that are too small as skipped; return a sentence that names the classes."""
    sizes = Counter(rows.labels[row] for row in chosen if rows.labels[row] in rare)
    rows.skipped["their class has fewer than three different texts"] += sizes.total()
    listed = ", ".join(f"{label!r} ({sizes[label]:,})" for label in list(rare)[:_LISTED])
    return (
        "Set aside are classes with fewer than three different texts, one for each split: "
        f"{listed}{', ...' if len(rare) > _LISTED else ''}; {row_count(sizes.total(), 'row', 'rows')} in all."
    )


def _check_classes(source: str, label_names: list[str], set_aside: str = "") -> None:
    """Refuse a table without two classes.

    Args:
        set_aside: A sentence on the classes that were set aside.
    """
    if len(label_names) == 1:
        every = f"{set_aside} What is left is {label_names[0]!r}" if set_aside else f"every label is {label_names[0]!r}"
        raise UserError(
            f"{source} has one class only{'.' if set_aside else ':'} {every}.",
            "A classifier needs at least two; check data.label.",
        )
    if not label_names:
        raise UserError(
            f"{source} has no class with three different texts, one each for train, validation and test.",
            "Give more different texts, or check data.label.",
        )


def _check_splits(
    source: str,
    rows_of: RowsBySplit,
    rule: GroupSplit | TimeSplit | None,
    all_rows: Rows,
    different: int,
) -> None:
    """Refuse an empty split, and a training split that lacks a class; a text's several labels are no classes.

    Args:
        different: How many texts there are, identical ones counted once.
    """
    for name in SPLITS:
        if not rows_of[name]:
            rows = sum(map(len, rows_of.values()))
            reason = f": only {different:,} of its {rows:,} texts are different" if 2 * different < rows else ""
            raise UserError(
                f"{source} leaves no rows for the {name} split{reason}.",
                f"Give more {'different texts' if reason else 'rows'}, or change data.split.",
            )
    absent = all_rows.classes - all_rows.labels_in(rows_of["train"])
    if absent and all_rows.label_sets is None:
        names = ", ".join(repr(all_rows.label_names[id]) for id in sorted(absent))
        past = f" before {rule.first['validation']}" if isinstance(rule, TimeSplit) else ""
        raise UserError(
            f"{source}: no training row is left for {names}{past}.",
            "Add more different texts of that class, or remove it from the table.",
        )


def _report(table: RawTable, rows: _Rows, split: SplitTable) -> DataReport:
    texts_of = {"train": split.train, "validation": split.validation, "test": split.test}

    def by_row(*columns: Sequence[str]) -> Iterable[str]:
        return chain.from_iterable(zip(*columns, strict=True))

    def sorted_rows(texts: LabeledTexts) -> Iterable[str]:
        order = sorted(range(len(texts)), key=texts.ids.__getitem__)
        named = (texts.ids, texts.texts, split.written(texts))
        return by_row(*([column[row] for row in order] for column in named))

    apart = split.out_of_scope
    used: list[tuple[str, Iterable[str]]]
    used = [
        (name, by_row(texts.texts, split.written(texts), *cell_columns(texts.texts)))
        for name, texts in texts_of.items()
    ]
    if apart is not None:
        parts = {"out of scope, choosing": apart.choosing.texts, "out of scope, test": apart.test.texts}
        used += [(name, by_row(texts, *cell_columns(texts))) for name, texts in parts.items()]
    return DataReport(
        source=table.source,
        files=table.files,
        fingerprint=fingerprint(used),
        out_of_scope=apart and OutOfScopeReport(label=apart.label, choosing=len(apart.choosing), test=len(apart.test)),
        splits=[
            SplitReport(
                name=name,
                rows=len(texts),
                characters=sum(map(len, texts.texts)),
                labels=dict(zip(split.label_names, texts.label_counts(len(split.label_names)), strict=True)),
                # Splits are shuffled. Sorted by the rows' names, the same rows always have the same fingerprint.
                fingerprint=fingerprint([(name, sorted_rows(texts))]),
            )
            for name, texts in texts_of.items()
        ],
        skipped=dict(rows.skipped),
        multilabel=split.multilabel,
        features=split.features,
    )
