"""Figures of a classifier from its labels and predictions: accuracy, macro-F1, loss, confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from bakeoff.judge.intervals import bootstrap_metric, bootstrap_ratio, wilson
from bakeoff.runs.results import Confusion, Figure

# A probability below this one counts as this one, so that a single confident mistake cannot make the loss infinite.
_SMALLEST_PROBABILITY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class ClassScores:
    """How well one class is found; 0 where a share would have nothing below the line."""

    label: str
    precision: float  # of the texts given this label, the share that has it
    recall: float  # of the texts that have this label, the share that was given it
    f1: float  # harmonic mean of the two
    texts: int  # texts that have this label


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


def class_scores(matrix: Confusion) -> list[ClassScores]:
    """Precision, recall and F1 of every class, in the order of the matrix."""
    rows, columns = np.indices((len(matrix.labels),) * 2)
    precision, recall, f1, _ = precision_recall_fscore_support(
        rows.ravel(),
        columns.ravel(),
        labels=range(len(matrix.labels)),
        sample_weight=np.ravel(matrix.counts),
        zero_division=0,
    )
    texts = np.sum(matrix.counts, axis=1)
    return [
        ClassScores(label, float(precision[i]), float(recall[i]), float(f1[i]), int(texts[i]))
        for i, label in enumerate(matrix.labels)
    ]


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


def classification_figures(
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    losses: npt.ArrayLike,
    *,
    split: str,
    confidence: float,
    resamples: int,
    seed: int,
) -> list[Figure]:
    """Accuracy (Wilson), macro-F1 (bootstrap) and loss (bootstrap), each with its interval. Accuracy comes first.

    Args:
        labels, predictions: Class indices, shape (texts,).
        losses: Cross-entropy of each text in nats, shape (texts,).
        split: Name of the side, e.g. `test`.
    """
    truth, guesses, nats = np.asarray(labels), np.asarray(predictions), np.asarray(losses, dtype=np.float64)
    texts = int(truth.size)
    right = int((truth == guesses).sum())
    loss_interval = bootstrap_ratio(nats, np.ones_like(nats), confidence=confidence, resamples=resamples, seed=seed)
    values = [
        ("accuracy", accuracy(truth, guesses), wilson(right, texts, confidence), True),
        (
            "macro_f1",
            macro_f1(truth, guesses),
            bootstrap_metric(truth, guesses, macro_f1_of_counts, confidence=confidence, resamples=resamples, seed=seed),
            True,
        ),
        ("loss", float(nats.mean()), loss_interval, False),
    ]
    return [
        Figure(
            name=name,
            value=value,
            low=interval[0] if interval else None,
            high=interval[1] if interval else None,
            confidence=confidence,
            protocol=name,
            split=split,
            documents=texts,
            interval_unit="text",
            higher_is_better=higher,
        )
        for name, value, interval, higher in values
    ]
