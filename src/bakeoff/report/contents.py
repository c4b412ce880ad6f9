"""The contents of a report, in HTML or in Markdown: tables as rows of text, and samples in groups."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.evaluation.text_statistics import repeated
from bakeoff.report import (
    answers_view,
    classifier_tables,
    curve_view,
    details,
    out_of_scope_view,
    search_view,
    slices_view,
    tables,
)
from bakeoff.report.explanations import explanations
from bakeoff.report.loaded import LoadedContestant, LoadedRun
from bakeoff.report.paper import results_sentence
from bakeoff.runs.results import ClassScore, Confusion, Sample

LARGEST_MATRIX = 20  # classes; for more classes, the most frequent confusions are listed instead
_LISTED_CONFUSIONS = 25
_LISTED_CLASSES = 200


def contents(run: LoadedRun) -> dict[str, Any]:
    """Return the variables that the templates of both formats share."""
    return {
        "run": run,
        "tables": tables,
        "details": details,
        "classifier_tables": classifier_tables,
        "curve_view": curve_view,
        "slices_view": slices_view,
        "search_view": search_view,
        "out_of_scope_view": out_of_scope_view,
        "searched": [result for result in run.results if result.search],
        "trained": [contestant for contestant in run.contestants if contestant.epochs],
        "errors": [_errors(contestant) for contestant in run.contestants if contestant.result.confusion],
        "labels": [_labels(contestant) for contestant in run.contestants if contestant.result.multilabel],
        "predictions": [_predictions(contestant) for contestant in run.contestants if _has_predictions(contestant)],
        "prompts": _prompts(run.contestants),
        "answer_titles": answers_view.answer_titles(run.contestants),
        "answer_rows": answers_view.answer_rows(run.contestants),
        "explanations": explanations(run),
        "sentence": results_sentence(run),
        "command": shlex.join(run.environment.command),
    }


@dataclass(frozen=True)
class ErrorView:
    """The errors of a classifier."""

    name: str
    matrix: Confusion | None  # None if it has too many classes to show
    row_shares: list[list[float]]  # for each true label, the share of each prediction
    confusions: list[tuple[str, str, int]]  # true label, predicted label, texts; the most frequent of a large matrix
    classes: list[ClassScore]  # of a large matrix, the hardest first


def _errors(contestant: LoadedContestant) -> ErrorView:
    matrix = contestant.result.confusion
    assert matrix is not None
    scores = contestant.result.classes
    if len(matrix.labels) <= LARGEST_MATRIX:
        shares = [[number / max(sum(row), 1) for number in row] for row in matrix.counts]
        return ErrorView(contestant.name, matrix, shares, [], scores)
    confusions = [
        (matrix.labels[true], matrix.labels[guess], number)
        for true, row in enumerate(matrix.counts)
        for guess, number in enumerate(row)
        if true != guess and number
    ]
    return ErrorView(
        contestant.name,
        None,
        [],
        sorted(confusions, key=lambda confusion: -confusion[2])[:_LISTED_CONFUSIONS],
        sorted(scores, key=lambda score: score.f1.value if score.f1 else 1.0)[:_LISTED_CLASSES],
    )


@dataclass(frozen=True)
class LabelView:
    """The scores of each label, where a text can have several, the most frequent first."""

    name: str
    labels: list[ClassScore]


def _labels(contestant: LoadedContestant) -> LabelView:
    scores = sorted(contestant.result.classes, key=lambda score: -score.texts)
    return LabelView(contestant.name, scores[:_LISTED_CLASSES])


@dataclass(frozen=True)
class PredictionView:
    """Classified test texts: the first ones, and the most confident mistakes."""

    name: str
    first: list[Sample]
    mistakes: list[Sample]


def _has_predictions(contestant: LoadedContestant) -> bool:
    return any(sample.kind not in ("generated", "answer") for sample in contestant.samples)


def _predictions(contestant: LoadedContestant) -> PredictionView:
    kinds = {kind: [sample for sample in contestant.samples if sample.kind == kind] for kind in ("first", "mistake")}
    return PredictionView(contestant.name, kinds["first"], kinds["mistake"])


@dataclass(frozen=True)
class Stretch:
    """A part of a generated text, and whether it repeats four words that occurred before."""

    text: str
    repeated: bool


@dataclass(frozen=True)
class PromptView:
    """The continuations of one prompt."""

    prompt: str
    texts: list[tuple[str, Sample, list[Stretch]]]  # contestant, sample, its text cut into stretches


def _prompts(contestants: Sequence[LoadedContestant]) -> list[PromptView]:
    written = [
        (contestant.name, sample)
        for contestant in contestants
        for sample in contestant.samples
        if sample.kind == "generated"
    ]
    return [
        PromptView(
            prompt,
            [(name, sample, stretches(sample.text.strip())) for name, sample in written if sample.prompt == prompt],
        )
        for prompt in dict.fromkeys(sample.prompt for _, sample in written)
    ]


def stretches(text: str) -> list[Stretch]:
    """Cut a text into stretches that are or are not a repeated 4-gram. Joined, they are the text."""
    words = list(re.finditer(r"\S+", text))
    positions = {
        position for start in repeated([word.group() for word in words], 4) for position in range(start, start + 4)
    }
    parts: list[Stretch] = []
    end = 0
    for position, word in enumerate(words):
        inside = position in positions
        if parts and parts[-1].repeated == inside:
            parts[-1] = Stretch(parts[-1].text + text[end : word.end()], inside)
        elif inside:  # the space before a repeated stretch is not part of it
            parts += [Stretch(text[end : word.start()], False)] if end < word.start() else []
            parts.append(Stretch(word.group(), True))
        else:
            parts.append(Stretch(text[end : word.end()], False))
        end = word.end()
    return [*parts, Stretch(text[end:], False)] if end < len(text) else parts
