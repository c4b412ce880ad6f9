"""Match the answers of a file with the texts of a bake-off, and count what has no partner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bakeoff.data.columns import listed
from bakeoff.data.reading import row_count
from bakeoff.errors import UserError
from bakeoff.methods.predictions.config import PredictionsConfig
from bakeoff.methods.predictions.model import Array, PredictionsModel, key_of
from bakeoff.methods.predictions.reading import FileAnswers, read_answers

if TYPE_CHECKING:
    from bakeoff.data.types import LabeledTexts, SplitTable

MOST_MISSING = 0.05
"""Share of the test texts that may lack an answer. With more, the file is refused."""

FEWEST_AGREEING = 0.95
"""Share of the rows with the id of a row of the data that must have its text; if fewer do, the ids are others."""

_Keys = Sequence[str | bytes | None]


@dataclass(frozen=True)
class Matched:
    """The answers to all texts of a bake-off, and sentences about how they were matched."""

    model: PredictionsModel
    notes: list[str]


def match(config: PredictionsConfig, data: SplitTable) -> Matched:
    """Read the file and match its answers by text or id, whichever fits more of the test texts.

    Where the file has both, ids count only if the rows that they match have the texts of the data: a file that numbers
    its rows has the ids of data without an id column, whatever its order.

    A validation or test text without an answer gets the class frequencies of the training split, as from `majority`.
    One that belongs to no class gets none: its confidence would say nothing.

    Raises:
        UserError: the file cannot be read, its answers seem to be the true labels, or it has none for more than
            `MOST_MISSING` of the test texts; of a fold, that is left to the check of the whole table.
    """
    apart = data.out_of_scope
    file = read_answers(
        config,
        data.label_names,
        data.text_columns,
        multilabel=data.multilabel,
        out_of_scope=apart.label if apart else None,
    )
    splits = [data.train, data.validation]
    splits += [] if data.folds else [data.test]  # that of the folds has the rows of the other two
    splits += [apart.choosing, apart.test] if apart else []
    keys = {kind: _keys(file, kind) for kind in file.keys}
    matches, others = _other_texts(file, keys, splits)
    unrelated = others > (1 - FEWEST_AGREEING) * matches
    kinds = ["text"] if unrelated else list(keys)
    by = max(kinds, key=lambda kind: len(data.test) - len(_missing(data.test, kind, set(keys[kind]))))
    first: dict[str | bytes, int] = {}  # key -> place of its first answer
    repeated = conflicting = 0
    for place, key in enumerate(keys[by]):
        if key is not None and first.setdefault(key, place) != place:
            repeated += 1
            conflicting += not np.array_equal(file.probabilities[first[key]], file.probabilities[place])
    known = set(first)
    missing = {"validation": _missing(data.validation, by, known), "test": _missing(data.test, by, known)}
    disagreement = ""
    if unrelated:
        disagreement = (
            f"{others:,} of {row_count(matches, 'row', 'rows')} with the id of a row of the data (column "
            f"{file.columns['id']}) have another text"
        )
    _refuse(file, by, data, missing["test"], known, {id for split in splits for id in split.ids}, disagreement)
    if file.rivals and _all_true(file, by, data, first):
        raise UserError(
            f"{file.source}: the answers were read from {file.answers}, and all of them are the labels of the data; "
            f"{listed(file.rivals)} may hold the answers of the model.",
            "Name the column of the answers with the contestant's `label`"
            + (", or call them predicted_NAME of each label." if data.multilabel else "."),
        )
    answers: dict[bytes, Array] = {}
    if by == "text":
        answers = {key: file.probabilities[place] for key, place in first.items() if isinstance(key, bytes)}
    differing = 0
    for split in splits:
        for id, text in zip(split.ids, split.texts, strict=True):
            if by == "id" and id in first:
                answer = file.probabilities[first[id]]
                differing += not np.array_equal(answers.setdefault(key_of(text), answer), answer)
    frequencies = np.array(data.train.label_counts(len(data.label_names))) / len(data.train)
    for split in (data.validation, data.test):
        for text in split.texts:
            answers.setdefault(key_of(text), frequencies)
    few = len(missing["validation"]) > MOST_MISSING * len(data.validation)
    used = {key for split in splits for key in _split_keys(split, by)}
    notes = [
        f"Answers from {file.answers} of {file.source}, matched by {by} (column {file.columns[by]}): "
        f"{len(data.test) - len(missing['test']):,} of {len(data.test):,} test texts and "
        f"{len(data.validation) - len(missing['validation']):,} of {len(data.validation):,} validation texts."
    ]
    if disagreement:
        notes.append(f"{disagreement}; ids were not used.")
    if missing["test"]:
        notes.append(
            f"{row_count(len(missing['test']), 'test text has', 'test texts have')} no answer in the file; instead of "
            "one, the class frequencies of the training split count."
        )
    if surplus := len(known - used):
        notes.append(f"{row_count(surplus, 'answer belongs', 'answers belong')} to no row of the data.")
    if repeated:
        notes.append(
            f"{row_count(repeated, 'row repeats', 'rows repeat')} a {by} of the file, {conflicting:,} of them with "
            "another answer; the first one counts."
        )
    if differing:
        notes.append(
            f"{row_count(differing, 'text occurs', 'texts occur')} several times with different answers; the first "
            "one counts for all."
        )
    notes += file.notes
    if file.given == "labels":
        notes.append(
            "Only labels were given: each has probability 1, nothing is calibrated, and the loss and calibration error "
            "say nothing."
        )
    elif few:
        notes.append("Not calibrated: too few validation texts have an answer. Thresholds for them say nothing.")
    return Matched(PredictionsModel(answers, calibrates=file.given != "labels" and not few), notes)


def _keys(file: FileAnswers, by: str) -> _Keys:
    if by == "id":
        return file.keys["id"]
    return [None if text is None else key_of(text) for text in file.keys["text"]]


def _other_texts(file: FileAnswers, keys: Mapping[str, _Keys], splits: Sequence[LabeledTexts]) -> tuple[int, int]:
    """Return how many rows of the data an id of the file matches, and how many of these have another text there."""
    if len(keys) < 2 or file.columns["id"] == file.columns["text"]:
        return 0, 0
    texts = dict(zip(reversed(keys["id"]), reversed(keys["text"]), strict=True))  # of several rows, the first one's
    pairs = [(texts.get(id), text) for split in splits for id, text in zip(split.ids, split.texts, strict=True)]
    matches = [(there, key_of(text)) for there, text in pairs if there is not None]
    return len(matches), sum(there != own for there, own in matches)


def _all_true(file: FileAnswers, by: str, data: SplitTable, first: Mapping[str | bytes, int]) -> bool:
    """Return whether all answers to rows of the data are their labels."""
    for split in (data.train, data.validation, data.test):
        for key, target in zip(_split_keys(split, by), split.targets, strict=True):
            if key in first:
                answer = file.probabilities[first[key]]
                right = np.array_equal(answer >= 0.5, target) if data.multilabel else answer.argmax() == target
                if not right:
                    return False
    return True


def _split_keys(split: LabeledTexts, by: str) -> Sequence[str | bytes]:
    return split.ids if by == "id" else [key_of(text) for text in split.texts]


def _missing(split: LabeledTexts, by: str, known: set[str | bytes] | set[str | bytes | None]) -> list[int]:
    return [row for row, key in enumerate(_split_keys(split, by)) if key not in known]


def _refuse(
    file: FileAnswers,
    by: str,
    data: SplitTable,
    missing: list[int],
    known: set[str | bytes],
    ids: set[str],
    disagreement: str,
) -> None:
    """Refuse a file that lacks too many test texts, and ids that count from 0 where those of the data count from 1.

    Args:
        disagreement: Why ids were not used, or "".
    """
    # Those of all folds count together: few that are missing can be many of one fold.
    if len(missing) > MOST_MISSING * len(data.test) and not data.is_fold:
        row = missing[0]
        text = data.test.texts[row]
        shown = text if len(text) <= 60 else text[:59] + "…"
        raise UserError(
            f"{file.source} has no answer for {len(missing):,} of {len(data.test):,} test texts, matched by {by} "
            f"(column {file.columns[by]}); the first is row {data.test.ids[row]}: {shown!r}. "
            f"At most {MOST_MISSING:.0%} may be missing.",
            f"{disagreement}: if they are the right rows, set the contestant's `id` to that column."
            if disagreement
            else "Add their answers, or name the columns to match by with the contestant's `text` or `id`.",
        )
    if by == "id" and "0" in known and "0" not in ids and "1" in ids and all(id.isdecimal() for id in ids):
        raise UserError(
            f"{file.source}: its ids (column {file.columns['id']}) begin at 0, those of the data at 1.",
            "Add an id column to the data, or the texts to the file.",
        )
