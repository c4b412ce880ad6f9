"""Metrics of a classifier: values, intervals and paired comparisons."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bakeoff.evaluation import calibration, classification
from bakeoff.evaluation.intervals import (
    Interval,
    bootstrap_metric,
    bootstrap_ratio,
    chunks,
    mcnemar,
    paired_bootstrap_metric,
    paired_bootstrap_ratio,
    wilson,
)
from bakeoff.evaluation.metrics.base import Draws, Paired
from bakeoff.evaluation.pairing import ClassifierAnswers, Units, UnpairedScoresError, answers
from bakeoff.evaluation.roc import roc_auc
from bakeoff.runs.results import Estimate

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

TOP = 3
"""The k of top-k accuracy."""


@dataclass(frozen=True)
class Predictions:
    """A classifier's answers to texts whose labels are known."""

    labels: Integers  # class indices, shape (texts,)
    probabilities: Floats  # shape (texts, classes), rows add up to 1
    chosen: Integers | None = None  # the predicted classes, where it is not the most probable one that is predicted
    costs: Floats | None = None  # of the predicted labels, shape (texts,), where the config says what mistakes cost
    costs_described: str = ""
    ranks: tuple[Integers, Integers] | None = None  # of label and predicted label, where the labels are ordered

    @property
    def predicted(self) -> Integers:
        """The predicted class of each text, shape (texts,)."""
        predicted: Integers = self.probabilities.argmax(axis=1) if self.chosen is None else self.chosen
        return predicted

    @property
    def losses(self) -> Floats:
        """Cross-entropy of each text in nats, shape (texts,)."""
        return classification.text_losses(self.labels, self.probabilities)


@dataclass(frozen=True)
class Averaged:
    """A metric that is the mean of a value of each text, or whose texts have an influence on it."""

    of_texts: Callable[[Predictions], Floats | None]  # None where the metric is not defined

    def value(self, predictions: Predictions) -> float | None:
        values = self.of_texts(predictions)
        return None if values is None else float(values.mean())

    def interval(self, predictions: Predictions, draws: Draws) -> Interval | None:
        values = self.of_texts(predictions)
        return None if values is None else bootstrap_ratio(values, np.ones_like(values), **asdict(draws))

    def units(self, scores: pa.Table, _: str) -> Units:
        values = self.of_texts(predictions_of(scores))
        assert values is not None  # else the metric would not have been recorded
        return _text_units(answers(scores), values)

    def compare(self, better: pa.Table, worse: pa.Table, _: str, draws: Draws) -> Paired | None:
        _paired_answers(better, worse)
        a, b = self.units(better, _).values, self.units(worse, _).values
        found = paired_bootstrap_ratio(a, b, np.ones_like(a), **asdict(draws))
        return found and Paired(float(a.mean() - b.mean()), *found)


@dataclass(frozen=True)
class Counted:
    """A metric that is a function of the confusion matrix."""

    of_counts: Callable[[Integers], Floats]
    """Takes matrices of shape (..., classes, classes), true classes in rows."""
    by_rank: bool = False  # the classes of the matrix are ranks of ordered labels

    def value(self, predictions: Predictions) -> float | None:
        pairs = self._pairs(predictions)
        return None if pairs is None else float(self.of_counts(_counts(*pairs)))

    def interval(self, predictions: Predictions, draws: Draws) -> Interval | None:
        pairs = self._pairs(predictions)
        return None if pairs is None else bootstrap_metric(*pairs, self.of_counts, **asdict(draws))

    def units(self, scores: pa.Table, _: str) -> Units:
        """Return for each text the metric plus the text's influence on it (the infinitesimal jackknife, Efron 1982).

        The metric is no mean over texts. The mean of these values is the metric, and their spread is that of the metric
        for many texts.
        """
        pairs = self._pairs(predictions_of(scores))
        assert pairs is not None  # else the metric would not have been recorded
        classes = int(max(map(np.max, pairs))) + 1
        cells = pairs[0] * classes + pairs[1]
        occurring, place = np.unique(cells, return_inverse=True)
        # The metric does not change where all counts grow alike.
        fine = 1000 * np.bincount(cells, minlength=classes**2)
        shape = (-1, classes, classes)
        whole = self.of_counts(fine.reshape(shape))
        with_more, start = [], 0
        for size in chunks(len(occurring), classes**2):  # with many classes there are many cells of large matrices
            more = np.tile(fine, (size, 1))
            more[np.arange(size), occurring[start : start + size]] += 1
            with_more.append(self.of_counts(more.reshape(shape)))
            start += size
        # The derivative of the metric by the share of texts like this one.
        slopes = (np.concatenate(with_more) - whole) * 1000 * len(cells)
        return _text_units(answers(scores), whole + slopes[place])

    def compare(self, better: pa.Table, worse: pa.Table, protocol: str, draws: Draws) -> Paired | None:
        answered = _paired_answers(better, worse)
        if self.by_rank:
            ranks = [ranks_of(scores) for scores in (better, worse)]
            (labels, a), (_, b) = (pair for pair in ranks if pair is not None)
        else:
            names = sorted({name for each in answered for name in (*each.labels, *each.predictions)})
            labels, a, b = (
                np.searchsorted(names, column).astype(np.int64)
                for column in (answered[0].labels, answered[0].predictions, answered[1].predictions)
            )
        found = paired_bootstrap_metric(labels, a, b, self.of_counts, **asdict(draws))
        difference = float(self.of_counts(_counts(labels, a))) - float(self.of_counts(_counts(labels, b)))
        return found and Paired(difference, *found)

    def _pairs(self, predictions: Predictions) -> tuple[Integers, Integers] | None:
        return predictions.ranks if self.by_rank else (predictions.labels, predictions.predicted)


MACRO_F1 = Counted(classification.macro_f1_of_counts)
WEIGHTED_F1 = Counted(classification.weighted_f1_of_counts)
BALANCED_ACCURACY = Counted(classification.balanced_accuracy_of_counts)
MATTHEWS = Counted(classification.matthews_of_counts)
QUADRATIC_KAPPA = Counted(classification.quadratic_kappa_of_counts, by_rank=True)
LOSS = Averaged(operator.attrgetter("losses"))
BRIER = Averaged(lambda predictions: classification.brier_scores(predictions.labels, predictions.probabilities))
AVERAGE_PRECISION = Averaged(
    lambda predictions: classification.average_precisions(predictions.labels, predictions.probabilities)
)
COST = Averaged(operator.attrgetter("costs"))


def _top(predictions: Predictions) -> Floats | None:
    labels, probabilities = predictions.labels, predictions.probabilities
    if probabilities.shape[1] <= TOP:
        return None
    return np.asarray(classification.among_most_probable(labels, probabilities, TOP), dtype=np.float64)


def _classes_off(predictions: Predictions) -> Floats | None:
    if predictions.ranks is None:
        return None
    labels, predicted = predictions.ranks
    return np.asarray(np.abs(labels - predicted), dtype=np.float64)


TOP_ACCURACY = Averaged(_top)
ABSOLUTE_ERROR = Averaged(_classes_off)


def accuracy(predictions: Predictions) -> float:
    return classification.accuracy(predictions.labels, predictions.predicted)


def accuracy_interval(predictions: Predictions, draws: Draws) -> Interval:
    return wilson(int((predictions.labels == predictions.predicted).sum()), predictions.labels.size, draws.confidence)


def accuracy_units(scores: pa.Table, _: str) -> Units:
    answered = answers(scores)
    return _text_units(answered, answered.right)


def compare_accuracy(better: pa.Table, worse: pa.Table, _: str, draws: Draws) -> Paired | None:
    a, b = _paired_answers(better, worse)
    found = paired_bootstrap_ratio(a.right, b.right, np.ones(len(a.names)), **asdict(draws))
    return found and Paired(float(a.right.mean() - b.right.mean()), found[0], mcnemar(a.right, b.right))


def area_under_roc(predictions: Predictions) -> float | None:
    """Return the area under the ROC curve; None unless there are two classes, each with texts."""
    area = _area(predictions, confidence=0.95)  # the value does not depend on the level
    return None if area is None else area.value


def area_under_roc_interval(predictions: Predictions, draws: Draws) -> Interval | None:
    area = _area(predictions, draws.confidence)
    return None if area is None or area.low is None or area.high is None else (area.low, area.high)


def _area(predictions: Predictions, confidence: float) -> Estimate | None:
    if predictions.probabilities.shape[1] != 2:
        return None
    return roc_auc(predictions.labels == 1, predictions.probabilities[:, 1], confidence)


def expected_calibration_error(predictions: Predictions) -> float:
    return calibration.calibration_error(predictions.labels, predictions.probabilities)


def expected_calibration_error_interval(predictions: Predictions, draws: Draws) -> Interval:
    return calibration.calibration_error_interval(predictions.labels, predictions.probabilities, **asdict(draws))


def described_costs(predictions: Predictions) -> str:
    """Return the costs as part of a protocol's name."""
    return predictions.costs_described


def predictions_of(scores: pa.Table) -> Predictions:
    """Read a classifier's answers, in the order of the texts' names.

    Args:
        scores: scores.parquet of a classifier. Without probabilities (of a table made by hand) there are none.
    """
    answered = answers(scores)
    rows = scores.sort_by("document")
    columns = [name for name in rows.column_names if name.startswith("probability_")]
    names = [name.removeprefix("probability_") for name in columns]
    names = names or sorted({*answered.labels, *answered.predictions})
    index = {name: place for place, name in enumerate(names)}
    probabilities = [rows[name].to_numpy() for name in columns] or [np.zeros(len(rows))]
    return Predictions(
        np.array([index[label] for label in answered.labels], dtype=np.int64),
        np.stack(probabilities, axis=1).astype(np.float64),
        chosen=np.array([index[label] for label in answered.predictions], dtype=np.int64),
        costs=rows["cost"].to_numpy().astype(np.float64) if "cost" in rows.column_names else None,
        ranks=ranks_of(scores),
    )


def ranks_of(scores: pa.Table) -> tuple[Integers, Integers] | None:
    """Return the ranks of labels and predictions, in the order of the texts' names; None of labels without order."""
    if "label_rank" not in scores.column_names:
        return None
    rows = scores.sort_by("document")
    return rows["label_rank"].to_numpy().astype(np.int64), rows["predicted_rank"].to_numpy().astype(np.int64)


def _counts(labels: Integers, predicted: Integers) -> Integers:
    classes = int(max(labels.max(), predicted.max())) + 1
    counts: Integers = np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)
    return counts


def _text_units(answered: ClassifierAnswers, values: Floats) -> Units:
    return Units("text", [(name,) for name in answered.names], values, np.ones(len(answered.names)))


def _paired_answers(better: pa.Table, worse: pa.Table) -> tuple[ClassifierAnswers, ClassifierAnswers]:
    a, b = answers(better), answers(worse)
    if a.names != b.names or a.labels != b.labels:
        raise UnpairedScoresError("were not evaluated on the same documents")
    return a, b
