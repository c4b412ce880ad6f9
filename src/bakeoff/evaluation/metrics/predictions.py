"""Metrics of a classifier: values, intervals and paired comparisons."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bakeoff.evaluation import calibration, classification
from bakeoff.evaluation.intervals import (
    Interval,
    bootstrap_metric,
    bootstrap_ratio,
    mcnemar,
    paired_bootstrap_metric,
    paired_bootstrap_ratio,
    wilson,
)
from bakeoff.evaluation.metrics.base import Draws, Paired
from bakeoff.evaluation.pairing import ClassifierAnswers, Units, UnpairedScoresError, answers
from bakeoff.evaluation.roc import roc_auc
from bakeoff.runs.results import Estimate


@dataclass(frozen=True)
class Predictions:
    """A classifier's probabilities for texts whose labels are known."""

    labels: npt.NDArray[np.int64]  # class indices, shape (texts,)
    probabilities: npt.NDArray[np.float64]  # shape (texts, classes), rows add up to 1

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        """The most probable class of each text, shape (texts,)."""
        predicted: npt.NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return predicted

    @property
    def losses(self) -> npt.NDArray[np.float64]:
        """Cross-entropy of each text in nats, shape (texts,)."""
        return classification.text_losses(self.labels, self.probabilities)


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


def macro_f1(predictions: Predictions) -> float:
    return classification.macro_f1(predictions.labels, predictions.predicted)


def macro_f1_interval(predictions: Predictions, draws: Draws) -> Interval:
    return bootstrap_metric(
        predictions.labels, predictions.predicted, classification.macro_f1_of_counts, **asdict(draws)
    )


def macro_f1_units(scores: pa.Table, _: str) -> Units:
    """Return for each text macro-F1 plus the text's influence on it (the infinitesimal jackknife, Efron 1982).

    Macro-F1 is no mean over texts. The mean of these values is macro-F1, and their spread is that of macro-F1 for many
    texts.
    """
    answered = answers(scores)
    classes = {label: index for index, label in enumerate(sorted({*answered.labels, *answered.predictions}))}
    cells = np.array([classes[label] * len(classes) for label in answered.labels]) + np.array(
        [classes[guess] for guess in answered.predictions]
    )
    occurring, place = np.unique(cells, return_inverse=True)
    # Macro-F1 does not change where all counts grow alike.
    fine = 1000 * np.bincount(cells, minlength=len(classes) ** 2)
    more = np.tile(fine, (len(occurring), 1))
    more[np.arange(len(occurring)), occurring] += 1
    shape = (-1, len(classes), len(classes))
    whole = classification.macro_f1_of_counts(fine.reshape(shape))
    # The derivative of macro-F1 by the share of texts like this one.
    slopes = (classification.macro_f1_of_counts(more.reshape(shape)) - whole) * 1000 * len(cells)
    return _text_units(answered, whole + slopes[place])


def compare_macro_f1(better: pa.Table, worse: pa.Table, _: str, draws: Draws) -> Paired | None:
    a, b = _paired_answers(better, worse)
    classes = {label: index for index, label in enumerate(sorted({*a.labels, *a.predictions, *b.predictions}))}
    labels, predicted_a, predicted_b = (
        [classes[label] for label in column] for column in (a.labels, a.predictions, b.predictions)
    )
    found = paired_bootstrap_metric(
        labels, predicted_a, predicted_b, classification.macro_f1_of_counts, **asdict(draws)
    )
    difference = classification.macro_f1(labels, predicted_a) - classification.macro_f1(labels, predicted_b)
    return found and Paired(difference, *found)


def loss(predictions: Predictions) -> float:
    return float(predictions.losses.mean())


def loss_interval(predictions: Predictions, draws: Draws) -> Interval | None:
    return bootstrap_ratio(predictions.losses, np.ones_like(predictions.losses), **asdict(draws))


def loss_units(scores: pa.Table, _: str) -> Units:
    return _text_units(answers(scores), scores.sort_by("document")["loss"].to_numpy().astype(np.float64))


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


def _text_units(answered: ClassifierAnswers, values: npt.NDArray[np.float64]) -> Units:
    return Units("text", [(name,) for name in answered.names], values, np.ones(len(answered.names)))


def _paired_answers(better: pa.Table, worse: pa.Table) -> tuple[ClassifierAnswers, ClassifierAnswers]:
    a, b = answers(better), answers(worse)
    if a.names != b.names or a.labels != b.labels:
        raise UnpairedScoresError("were not evaluated on the same documents")
    return a, b
