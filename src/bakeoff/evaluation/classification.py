"""Accuracy, macro-F1, cross-entropy and the confusion matrix, from labels, predictions and probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix

from bakeoff.runs.results import Confusion

# The smallest probability that counts, so that a single confident mistake cannot make the loss infinite.
_SMALLEST_PROBABILITY = float(np.finfo(np.float32).tiny)


def confusion(labels: npt.ArrayLike, predictions: npt.ArrayLike, label_names: Sequence[str]) -> Confusion:
    """Count texts by true label (rows) and predicted label (columns).

    Args:
        labels, predictions: Indices into `label_names`, shape (texts,).
    """
    counts = confusion_matrix(labels, predictions, labels=range(len(label_names)))
    return Confusion(labels=list(label_names), counts=counts.tolist())


def accuracy(labels: npt.ArrayLike, predictions: npt.ArrayLike) -> float:
    """Return the share of texts whose prediction is the true label."""
    return float(np.mean(np.asarray(labels) == np.asarray(predictions)))


def macro_f1_of_counts(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the mean F1 over the classes that occur, as labels or as predictions (scikit-learn's rule).

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
    """Return the mean F1 over the classes that occur: every class weighs the same, however rare."""
    classes = int(max(np.max(labels), np.max(predictions), 1)) + 1  # scikit-learn warns about a matrix of one cell
    return float(macro_f1_of_counts(confusion_matrix(labels, predictions, labels=range(classes))))


def text_losses(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the cross-entropy of each text in nats: minus the logarithm of the true label's probability.

    Args:
        labels: Class indices, shape (texts,).
        probabilities: Shape (texts, classes), rows add up to 1.
    """
    rows = np.asarray(probabilities, dtype=np.float64)
    true = np.take_along_axis(rows, np.asarray(labels, dtype=np.int64)[:, None], axis=1)[:, 0]
    return -np.log(np.maximum(true, _SMALLEST_PROBABILITY))


def log_loss(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Return the mean cross-entropy in nats per text; arguments as in `text_losses`."""
    return float(text_losses(labels, probabilities).mean())
