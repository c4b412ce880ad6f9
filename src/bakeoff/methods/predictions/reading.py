"""Read a file of answers: its columns, labels and probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bakeoff.copied_files import here, original
from bakeoff.data.cells import label_of, truth_of
from bakeoff.data.columns import LABEL_NAMES, TEXT_NAMES, choose_column, row_texts
from bakeoff.data.label_sets import label_lists, with_lists
from bakeoff.data.raw_tables import RawTable, read_raw_table
from bakeoff.data.reading import row_count
from bakeoff.errors import UserError
from bakeoff.methods.predictions.config import PredictionsConfig
from bakeoff.spelling import nearest

Array = npt.NDArray[np.float64]

ANSWER_NAMES = (
    *("predicted", "prediction", "predicted_label", "predicted_class", "predictions", "pred", "pred_label", "y_pred"),
    *("model_label", "answer"),
)
"""Where a file holds both a true label and an answer, the answer has one of these names."""

_EITHER = (*ANSWER_NAMES, *LABEL_NAMES)
_PREFIXES = ("probability_", "prob_", "p_", "pred_", "predicted_", "prediction_", "")
_CONFIDENCES = ("confidence", "probability")
_IDS = ("id", "document")  # `document` is what bakeoff's own scores.parquet calls it
_ROUNDED = 0.01  # probabilities that add up to 1 within this were rounded


@dataclass(frozen=True)
class FileAnswers:
    """The answers of a file; `rows` are those that have one."""

    source: str
    rows: list[int]
    probabilities: Array  # shape (rows, classes), rows add up to 1, unless a text can have several labels
    given: Literal["probabilities", "confidences", "labels"]
    keys: dict[str, list[str | None]]  # "text" and "id" -> of each of `rows`, where the file has them
    columns: dict[str, str]  # "text" and "id" -> the column, for notes
    answers: str  # the columns that were taken for the answers, for notes
    rivals: list[str]  # columns that may be the answers, where those taken are called as true labels are
    notes: list[str] = field(default_factory=list)


def read_answers(
    config: PredictionsConfig,
    label_names: Sequence[str],
    text: str | Sequence[str] | None,
    *,
    multilabel: bool = False,
    out_of_scope: str | None = None,
) -> FileAnswers:
    """Read the file of a config.

    Args:
        label_names: The classes, in the order of the probabilities.
        text: `data.text` of the bake-off.
        multilabel: A text can have several labels.
        out_of_scope: The label of texts that belong to no class, where the data have some.

    Raises:
        UserError: the file cannot be read, lacks a column, holds an unknown label, or probabilities that are none.
    """
    table = read_raw_table(here(config.file))
    table = replace(table, source=original(table.source))
    if multilabel:
        return _read_label_sets(config, table, label_names, text)
    # A confidence that is named counts, though the classes have columns, too.
    prefix = None if config.labels_only or config.confidence is not None else _prefix(table, label_names)
    if prefix is not None and config.label is None and not _has(table, _EITHER):
        filled = set(_filled(table, [prefix + name for name in label_names]))
        # Any label, which the most probable one replaces.
        names: list[str | None] = [label_names[0] if row in filled else None for row in range(len(table))]
        label = None
    else:
        label = choose_column(table, config.label, _EITHER, "the contestant's `label`", "answer")
        names = [label_of(cell) for cell in with_lists(table.column(label))]
        if set(label_names) == {"True", "False"}:  # which `labels_of` calls so, however the data write them
            names = [None if name is None else truth_of(name) for name in names]
        if out_of_scope is not None and out_of_scope in names:
            raise UserError(
                f"{table.source}, row {names.index(out_of_scope) + 1}, column {label!r}: {out_of_scope!r} is the label "
                "of texts that belong to no class, and an answer must be a class.",
                "Give the most probable class with its confidence, which tells such texts apart, or leave the cell "
                "empty.",
            )
        _refuse_unknown(table, label, names, label_names)
    rows = [row for row, name in enumerate(names) if name is not None]
    answers = np.array([label_names.index(str(names[row])) for row in rows], dtype=np.int64)
    notes: list[str] = []
    confidence = None if config.labels_only or prefix is not None else _confidence(config, table)
    if prefix is not None:
        given = np.stack([_numbers(table, prefix + name, rows) for name in label_names], axis=1)
        probabilities = _scaled(table, given, rows, notes)
        if label is not None:
            _must_agree(table, label, probabilities, answers, rows)
    else:
        certain = np.ones(len(rows)) if confidence is None else _numbers(table, confidence, rows)
        probabilities = _spread(certain, answers, len(label_names), notes)
    keys, columns = _keys(config, table, rows, text)
    kind: Literal["probabilities", "confidences", "labels"] = "probabilities"
    if prefix is None:
        kind = "labels" if confidence is None else "confidences"
    said = _said([label, confidence], prefix)
    numbers = prefix == "" or config.labels_only
    rivals = _rivals(config, table, label_names, label, prefix, text, numbers=numbers)
    return FileAnswers(table.source, rows, probabilities, kind, keys, columns, said, rivals, notes)


def _read_label_sets(
    config: PredictionsConfig, table: RawTable, label_names: Sequence[str], text: str | Sequence[str] | None
) -> FileAnswers:
    """Read a column of probabilities (or of 0 and 1) for each label, or one column of lists of labels.

    Raises:
        UserError: as `read_answers`, or the config names a confidence.
    """
    if config.confidence is not None:
        raise UserError(
            "`confidence` names the probability of a single answer, and here a text can have several labels.",
            "Leave it out, and give each label a column of probabilities.",
        )
    prefix = None if config.labels_only or config.label is not None else _prefix(table, label_names)
    other = _has(table, [name for name in ANSWER_NAMES if name not in label_names])
    if prefix == "" and other is not None and _may_be_answers(table.column(other), label_names, numbers=False):
        prefix = None  # columns that are called as the data's may be the data's
    label = None
    if prefix is not None:
        rows = _filled(table, [prefix + name for name in label_names])
        probabilities = np.stack([_numbers(table, prefix + name, rows) for name in label_names], axis=1)
        kind: Literal["probabilities", "labels"] = "probabilities"
        if np.isin(probabilities, (0, 1)).all():
            kind = "labels"
    else:
        label = choose_column(table, config.label, _EITHER, "the contestant's `label`", "answer")
        sets = label_lists(table.column(label), label_names)
        rows = [row for row, own in enumerate(sets) if own is not None]
        probabilities, kind = np.zeros((len(rows), len(label_names))), "labels"
        unknown = [next((name for name in own or [] if name not in label_names), None) for own in sets]
        _refuse_unknown(table, label, unknown, label_names)
        for place, row in enumerate(rows):
            probabilities[place, [label_names.index(name) for name in sets[row] or []]] = 1.0
    keys, columns = _keys(config, table, rows, text)
    rivals = _rivals(config, table, label_names, label, prefix, text, numbers=True)
    return FileAnswers(table.source, rows, probabilities, kind, keys, columns, _said([label], prefix), rivals)


def _said(columns: Sequence[str | None], prefix: str | None) -> str:
    """Return the columns of the answers as a note names them."""
    said = [f"column {name!r}" for name in columns if name is not None]
    if prefix is not None:
        said.append(f"the columns {prefix}NAME of all labels" if prefix else "the columns called as the labels")
    return " and ".join(said)


def _rivals(
    config: PredictionsConfig,
    table: RawTable,
    label_names: Sequence[str],
    label: str | None,
    prefix: str | None,
    text: str | Sequence[str] | None,
    *,
    numbers: bool,
) -> list[str]:
    """Return the columns that may hold the answers as well, if those taken for them are called as true labels are.

    Args:
        numbers: Whether columns of numbers from 0 to 1 may, and not only columns of labels.
    """
    if config.label is not None or (label.lower() in ANSWER_NAMES if label is not None else prefix != ""):
        return []
    wanted = config.text if config.text is not None else text
    own = {label, *([wanted] if isinstance(wanted, str) else wanted or ()), *(label_names if prefix == "" else ())}
    others = (*TEXT_NAMES, *_IDS, *_CONFIDENCES)
    return [
        name
        for name, cells in table.columns.items()
        if name not in own and name.lower() not in others and _may_be_answers(cells, label_names, numbers)
    ]


def _may_be_answers(cells: Sequence[Any], label_names: Sequence[str], numbers: bool) -> bool:
    """Return whether a column holds nothing but labels or, if `numbers`, nothing but numbers from 0 to 1."""
    names = {name for own in label_lists(cells, label_names) for name in own or ()}
    return bool(names) and (names <= set(label_names) or (numbers and all(map(_is_share, names))))


def _is_share(name: str) -> bool:
    try:
        return 0 <= float(name) <= 1
    except ValueError:
        return False


def _has(table: RawTable, names: Sequence[str]) -> str | None:
    lower = {name.lower(): name for name in table.columns}
    return next((lower[name] for name in names if name in lower), None)


def _prefix(table: RawTable, label_names: Sequence[str]) -> str | None:
    """Return what the names of the columns of probabilities begin with, or None if a class has no such column."""
    return next((each for each in _PREFIXES if all(each + name in table.columns for name in label_names)), None)


def _filled(table: RawTable, columns: Sequence[str]) -> list[int]:
    """Return the rows that have a value in any of the columns."""
    cells = zip(*(table.column(name) for name in columns), strict=True)
    return [row for row, own in enumerate(cells) if any(label_of(cell) is not None for cell in own)]


def _confidence(config: PredictionsConfig, table: RawTable) -> str | None:
    if config.confidence is not None:
        return choose_column(table, config.confidence, (), "the contestant's `confidence`")
    return _has(table, _CONFIDENCES)


def _refuse_unknown(table: RawTable, label: str, names: Sequence[str | None], label_names: Sequence[str]) -> None:
    unknown = [(row, name) for row, name in enumerate(names) if name is not None and name not in label_names]
    if not unknown:
        return
    row, name = unknown[0]
    near = nearest(name, label_names) or next((each for each in label_names if each.lower() == name.lower()), None)
    more = f"; {row_count(len(unknown), 'row has', 'rows have')} such an answer" if len(unknown) > 1 else ""
    raise UserError(
        f"{table.source}, row {row + 1}, column {label!r}: {name!r} is not a label of the data{more}.",
        (f"Did you mean {near!r}? " if near else "")
        + f"Labels: {', '.join(label_names)}. Leave the cell empty where there is no answer.",
    )


def _numbers(table: RawTable, column: str, rows: Sequence[int]) -> Array:
    """Return a column as probabilities.

    Raises:
        UserError: a cell is no number from 0 to 1; the message names its row.
    """
    values = table.column(column)
    numbers = np.empty(len(rows))
    for place, row in enumerate(rows):
        try:
            numbers[place] = float(values[row])
        except (TypeError, ValueError):
            numbers[place] = np.nan
        if not 0 <= numbers[place] <= 1:
            raise UserError(
                f"{table.source}, row {row + 1}, column {column!r}: {values[row]!r} is not a probability from 0 to 1.",
                "Correct it, or leave the answer of that row empty. If the file has labels, `labels_only: true` judges "
                "them alone.",
            )
    return numbers


def _scaled(table: RawTable, given: Array, rows: Sequence[int], notes: list[str]) -> Array:
    sums = given.sum(axis=1)
    if (sums == 0).any():
        row = rows[int(np.flatnonzero(sums == 0)[0])]
        raise UserError(f"{table.source}, row {row + 1}: all its probabilities are 0.", "Leave its answer empty.")
    if others := int((np.abs(sums - 1) > _ROUNDED).sum()):
        notes.append(f"The probabilities of {row_count(others, 'row', 'rows')} did not add up to 1 and were scaled.")
    return np.asarray(given / sums[:, None])


def _must_agree(
    table: RawTable, label: str, probabilities: Array, answers: npt.NDArray[np.int64], rows: Sequence[int]
) -> None:
    """Refuse answers that are not the most probable class; make those win that tie with another one."""
    places = np.arange(len(rows))
    own, highest = probabilities[places, answers], probabilities.max(axis=1)
    if (wrong := np.flatnonzero(own < highest)).size:
        raise UserError(
            f"{table.source}, row {rows[wrong[0]] + 1}: the answer in column {label!r} is not the most probable class; "
            f"this is so in {row_count(wrong.size, 'row', 'rows')}.",
            "Set `labels_only: true` to judge the answers, or remove that column to judge the probabilities.",
        )
    probabilities[places, answers] = np.nextafter(own, 2.0)


def _spread(confidences: Array, answers: npt.NDArray[np.int64], classes: int, notes: list[str]) -> Array:
    """Give each answer its confidence, and the other classes equal parts of the rest."""
    least = np.nextafter(1 / classes, 2.0)
    if low := int((confidences < least).sum()):
        notes.append(
            f"{row_count(low, 'answer has', 'answers have')} a confidence of no more than 1 / {classes}, which would "
            f"make another class the answer; 1 / {classes} was used."
        )
    own = np.maximum(confidences, least)
    rows = np.repeat((1 - own)[:, None] / (classes - 1), classes, axis=1)
    rows[np.arange(len(own)), answers] = own
    return rows


def _keys(
    config: PredictionsConfig, table: RawTable, rows: Sequence[int], text: str | Sequence[str] | None
) -> tuple[dict[str, list[str | None]], dict[str, str]]:
    """Return what rows can be matched by: the columns that the config names, otherwise those of usual names.

    Raises:
        UserError: there is nothing to match by.
    """
    keys: dict[str, list[str | None]] = {}
    columns: dict[str, str] = {}
    wanted = config.text if config.text is not None else text
    names = [wanted] if isinstance(wanted, str) else list(wanted or [])
    if config.text is not None:
        names = [choose_column(table, name, (), "the contestant's `text`") for name in names]
    elif not names or not all(table.has_column(name) for name in names):
        names = [usual] if (usual := _has(table, TEXT_NAMES)) else []
    if names and config.id is None:
        texts = row_texts(table, names)
        keys["text"], columns["text"] = [texts[row] for row in rows], " and ".join(map(repr, names))
    if config.text is None:
        id = choose_column(table, config.id, (), "the contestant's `id`") if config.id else _has(table, _IDS)
        if id is not None:
            ids = table.column(id)
            keys["id"], columns["id"] = [None if ids[row] is None else str(ids[row]) for row in rows], repr(id)
    if not keys:
        raise UserError(
            f"{table.source} has no column of texts or ids; it has {', '.join(table.columns)}.",
            "Name one with the contestant's `text` or `id`.",
        )
    return keys, columns
