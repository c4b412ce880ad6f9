"""Figures of a classifier from labels and probabilities: accuracy, macro-F1, loss, calibration, confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix

from bakeoff.evaluation.calibration import BINS, calibration_error, calibration_error_interval
from bakeoff.evaluation.intervals import Interval, bootstrap_metric, bootstrap_ratio, wilson
from bakeoff.evaluation.roc import roc_auc
from bakeoff.runs.results import Confusion, MetricValue

Metric = Literal["accuracy", "macro_f1"]

# A probability below this one counts as this one, so that a single confident mistake cannot make the loss infinite.
_SMALLEST_PROBABILITY = float(np.finfo(np.float32).tiny)


def confusion(labels: npt.ArrayLike, predictions: npt.ArrayLike, label_names: Sequence[str]) -> Confusion:
    """Count texts by true label (rows) and predicted label (columns).

    Args:
        labels, predictions: Indices into `label_names`, shape (texts,).
    """
    counts = confusion_matrix(labels, predictions, labels=range(len(label_names)))
    return Confusion(labels=list(label_names), counts=counts.tolist())


def accuracy(labels: npt.ArrayLike, predictions: npt.ArrayLike) -> float:
    """Share of texts whose prediction is the true label."""
    return float(np.mean(np.asarray(labels) == np.asarray(predictions)))


def macro_f1_of_counts(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Mean F1 over the classes that occur, as labels or as predictions (scikit-learn's rule).

    Args:
        counts: Confusion matrices, shape (..., classes, classes), true classes in rows.

    Returns:
        Shape (...).
    """
    hits = np.diagonal(counts, axis1=-2, axis2=-1).astype(np.float64)
    occurrences = counts.sum(axis=-1) + counts.sum(axis=-2)  # as a label + as a prediction
    f1 = 2 * hits / np.maximum(occurrences, 1)
    result: npt.NDArray[np.float64] = f1.sum(axis=-1) / np.maximum((occurrences > 0).sum(axis=-1), 1)
    return result


def macro_f1(labels: npt.ArrayLike, predictions: npt.ArrayLike) -> float:
    """Mean F1 over the classes that occur: every class weighs the same, however rare."""
    classes = int(max(np.max(labels), np.max(predictions), 1)) + 1  # scikit-learn warns about a matrix of one cell
    return float(macro_f1_of_counts(confusion_matrix(labels, predictions, labels=range(classes))))


def text_losses(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Cross-entropy of each text in nats: minus the logarithm of the true label's probability.

    Args:
        labels: Class indices, shape (texts,).
        probabilities: Shape (texts, classes), rows add up to 1.
    """
    rows = np.asarray(probabilities, dtype=np.float64)
    true = np.take_along_axis(rows, np.asarray(labels, dtype=np.int64)[:, None], axis=1)[:, 0]
    return -np.log(np.maximum(true, _SMALLEST_PROBABILITY))


def log_loss(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Mean cross-entropy in nats per text; arguments as in `text_losses`."""
    return float(text_losses(labels, probabilities).mean())


def classification_metrics(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    uncalibrated: npt.ArrayLike | None = None,
    *,
    metric: Metric = "accuracy",
    split: str,
    confidence: float,
    resamples: int,
    seed: int,
) -> list[MetricValue]:
    """Accuracy, macro-F1, loss, ROC-AUC (of two classes), expected calibration error, each with its interval.

    Args:
        labels: Class indices, shape (texts,).
        probabilities: What is evaluated, shape (texts, classes).
        uncalibrated: The probabilities before calibration, whose calibration error is kept beside the other.
        metric: The metric that decides the verdict; it comes first.
        split: Name of the side, e.g. `test`.
    """
    truth, rows = np.asarray(labels, dtype=np.int64), np.asarray(probabilities, dtype=np.float64)
    guesses, nats = rows.argmax(axis=1), text_losses(truth, rows)
    draws: dict[str, Any] = {"confidence": confidence, "resamples": resamples, "seed": seed}

    def measured(name: str, value: float, interval: Interval | None, protocol: str | None = None) -> MetricValue:
        return MetricValue(
            name=name,
            value=value,
            low=interval[0] if interval else None,
            high=interval[1] if interval else None,
            confidence=confidence,
            protocol=protocol or name,
            split=split,
            documents=truth.size,
            interval_unit="text",
            higher_is_better=name not in ("loss", "calibration_error"),
        )

    def calibration_metric(evaluated: npt.ArrayLike, protocol: str) -> MetricValue:
        ends = calibration_error_interval(truth, evaluated, **draws)
        return measured("calibration_error", calibration_error(truth, evaluated), ends, protocol)

    metrics = [
        measured("accuracy", accuracy(truth, guesses), wilson(int((truth == guesses).sum()), truth.size, confidence)),
        measured("macro_f1", macro_f1(truth, guesses), bootstrap_metric(truth, guesses, macro_f1_of_counts, **draws)),
        measured("loss", float(nats.mean()), bootstrap_ratio(nats, np.ones_like(nats), **draws)),
    ]
    area = roc_auc(truth == 1, rows[:, 1], confidence) if rows.shape[1] == 2 else None
    if area is not None:
        ends = None if area.low is None or area.high is None else (area.low, area.high)
        metrics.append(measured("roc_auc", area.value, ends))
    metrics.append(calibration_metric(rows, f"ece(bins={BINS})"))
    if uncalibrated is not None:
        metrics.append(calibration_metric(uncalibrated, f"uncalibrated(bins={BINS})"))
    return sorted(metrics, key=lambda each: each.name != metric)
