"""Evaluate a trained classifier, and write the scores of every text and samples.

What depends on whether a text has one label or several is in `evaluating_one_label.py` and `evaluating_labels.py`.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bakeoff import machine
from bakeoff.data.row_texts import cells_at
from bakeoff.data.types import SplitTable
from bakeoff.evaluation.classifier import ClassifierEvaluation
from bakeoff.evaluation.config import ClassificationEvaluationConfig
from bakeoff.evaluation.folds import wider_level
from bakeoff.evaluation.label_classifier import LabelEvaluation
from bakeoff.methods.base import TextModel, UnknownTextError
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.results import ContestantResult, MetricValue, Sample
from bakeoff.tasks.attribution import of_row, strongest_words
from bakeoff.tasks.classifier import Classifier

FIRST_TEXTS = 5
MISTAKES = 10
SHOWN_CHARACTERS = 300

Evaluation = TypeVar("Evaluation", ClassifierEvaluation, LabelEvaluation)
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shown:
    """A test text that a report shows."""

    sample: Sample  # without the words to highlight
    row: int
    label: int | None  # that the words are for or against; None: none are highlighted
    characters: int  # of the text that are shown


@dataclass(frozen=True)
class Evaluator(ABC, Generic[Evaluation]):
    """How answers to the texts of a table are evaluated."""

    data: SplitTable
    config: ClassificationEvaluationConfig
    seed: int
    calibrate: bool  # False leaves the probabilities as they are

    @property
    def level(self) -> float:
        """Return the level of the intervals, which are wider where there are folds."""
        return wider_level(self.config.confidence, len(self.data.folds))

    @abstractmethod
    def measure(self, validation: Array, test: Array, calibrated: Any = None) -> Evaluation:
        """Calibrate on the validation split and measure on the test split.

        Args:
            validation: Probabilities before calibration, shape (texts, labels).
            test: The same of the test split.
            calibrated: What `of_folds` returned, if the models of folds have answered.
        """

    @abstractmethod
    def of_folds(self, results: Sequence[ContestantResult], scores: Sequence[pa.Table]) -> tuple[Array, Any]:
        """Return the probabilities of the test split before and the answers after calibration, from the folds."""

    def measure_more(
        self, evaluation: Evaluation, model: TextModel, validation: Array, folder: ContestantFolder
    ) -> Evaluation:
        """Measure what is not in the answers to the test split, and write it."""
        return evaluation

    @abstractmethod
    def scores(self, evaluation: Evaluation) -> pa.Table:
        """Return a row for each test text."""

    @abstractmethod
    def samples(self, evaluation: Evaluation) -> list[Shown]:
        """Return the texts that a report shows."""

    @abstractmethod
    def classifier(self, model: TextModel, measured: Evaluation | ContestantResult) -> Classifier:
        """Return a model with what was measured of it."""


def evaluate(
    model: TextModel,
    evaluator: Evaluator[Evaluation],
    folder: ContestantFolder,
    *,
    attribute: bool = True,
    load_fold: Callable[[ContestantFolder], TextModel] | None = None,
    keep_answers: bool = False,
) -> Evaluation:
    """Calibrate a model on the validation split and measure it on the test split; write its scores and samples.

    With several folds, the test texts were answered before, each by the model that was not trained on it, and the model
    is only calibrated. Under torchrun every process computes the same, and the main process writes.

    Args:
        folder: That of the model; the folders of the folds are in it, finished.
        attribute: False marks no words in the samples, which asks the model about hundreds of further texts.
        load_fold: Loads the model of a fold. None where the data have no folds.
        keep_answers: Others build on the model, and will ask for its answers to the same texts.
    """
    data = evaluator.data
    validation = model.probabilities(data.validation.texts)
    folds = folder.folds() if load_fold else []
    results, tables = [fold.result() for fold in folds], [fold.scores() for fold in folds]
    answers = evaluator.of_folds(results, tables) if load_fold else (model.probabilities(data.test.texts), None)
    if keep_answers:
        folder.answers = [(data.validation.texts, validation)]
        if not load_fold:
            folder.answers.append((data.test.texts, answers[0]))
    evaluation = evaluator.measure(validation, *answers)
    folder.write_scores(evaluator.scores(evaluation))
    evaluation = evaluator.measure_more(evaluation, model, validation, folder)
    shown = evaluator.samples(evaluation)
    marked = [each for each in shown if attribute and each.label is not None]
    fold_of = [number for number, table in enumerate(tables) for _ in range(table.num_rows)]  # of each test text
    # In every process, because a transformer shares its texts out among them and waits for all.
    if load_fold is None:
        _find_words(evaluator.classifier(model, evaluation), marked, data.test.texts)
    else:
        for number, (fold, result) in enumerate(zip(folds, results, strict=True)):
            if of_fold := [each for each in marked if fold_of[each.row] == number]:
                _find_words(evaluator.classifier(load_fold(fold), result), of_fold, data.test.texts)
                machine.give_memory_back()  # there may not be enough for the models of two folds
    folder.write_samples([each.sample for each in shown])
    if load_fold is None:
        return evaluation
    metrics = [_with_folds(metric, results, evaluator.config.confidence) for metric in evaluation.metrics]
    return replace(evaluation, metrics=metrics)


def _find_words(classifier: Classifier, shown: Sequence[Shown], texts: Sequence[str]) -> None:
    """Put the words to highlight into samples."""
    for each in shown:
        assert each.label is not None
        answering = of_row(classifier, cells_at(texts, each.row))
        with contextlib.suppress(UnknownTextError):  # the model cannot answer without some of the words
            each.sample.words = strongest_words(answering, texts[each.row], each.label, each.characters)


def _with_folds(metric: MetricValue, results: Sequence[ContestantResult], confidence: float) -> MetricValue:
    """Add the values of the folds, and the level that the widened interval stands for."""
    key = (metric.name, metric.protocol)
    values = [each.value for result in results for each in result.metrics if (each.name, each.protocol) == key]
    by_fold = values if len(values) == len(results) else []
    return metric.model_copy(update={"folds": len(results), "by_fold": by_fold, "confidence": confidence})


def shortened(text: str) -> tuple[str, int]:
    """Return what a report shows of a text, and how many characters of the text that is."""
    if len(text) <= SHOWN_CHARACTERS:
        return text, len(text)
    return text[: SHOWN_CHARACTERS - 1] + "…", SHOWN_CHARACTERS - 1
