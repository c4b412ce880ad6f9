"""Metrics of classifiers that give a text several labels, from the true and predicted labels and the probabilities.

All arrays have the shape (texts, labels).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bakeoff.evaluation.classification import SMALLEST_PROBABILITY, average_precision_values

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def label_counts(truth: Bools, chosen: Bools) -> Floats:
    """Return for each label how many texts have it and are predicted to, have it, and are predicted to have it.

    Returns:
        Shape (labels, 3), as all functions of counts take it: right, true, predicted.
    """
    counts: Floats = np.stack([(truth & chosen).sum(axis=0), truth.sum(axis=0), chosen.sum(axis=0)], axis=1).astype(
        np.float64
    )
    return counts


def micro_f1_of_counts(counts: Floats) -> Floats:
    """Return the F1 of all decisions on all labels together, shape (...); `counts`: shape (..., labels, 3).

    0 where no text has a label and none is predicted.
    """
    right, true, predicted = np.moveaxis(counts.sum(axis=-2), -1, 0)
    return np.asarray(2 * right / np.maximum(true + predicted, 1))


def macro_f1_of_counts(counts: Floats) -> Floats:
    """Return the mean F1 over the labels that occur, true or predicted; arguments as above."""
    right, either = counts[..., 0], counts[..., 1] + counts[..., 2]
    f1 = 2 * right / np.maximum(either, 1)
    return np.asarray(f1.sum(axis=-1) / np.maximum((either > 0).sum(axis=-1), 1))


def weighted_f1_of_counts(counts: Floats) -> Floats:
    """Return the mean F1 over the labels, each weighing as many texts as have it; arguments as above."""
    right, true, predicted = np.moveaxis(counts, -1, 0)
    f1 = 2 * right / np.maximum(true + predicted, 1)
    return np.asarray((f1 * true).sum(axis=-1) / np.maximum(true.sum(axis=-1), 1))


def micro_f1_slopes(counts: Floats) -> Floats:
    """Return the derivative of `micro_f1_of_counts` by each count, shape (labels, 3)."""
    either = max(counts[:, 1:].sum(), 1.0)
    slope = -float(micro_f1_of_counts(counts)) / either
    return np.tile([2 / either, slope, slope], (len(counts), 1))


def macro_f1_slopes(counts: Floats) -> Floats:
    """Return the derivative of `macro_f1_of_counts` by each count, shape (labels, 3)."""
    either = counts[:, 1] + counts[:, 2]
    occurring, below = max((either > 0).sum(), 1), np.maximum(either, 1)
    slope = -2 * counts[:, 0] / below**2
    return np.asarray(np.stack([2 / below, slope, slope], axis=1) / occurring)


def weighted_f1_slopes(counts: Floats) -> Floats:
    """Return the derivative of `weighted_f1_of_counts` by each count, shape (labels, 3)."""
    right, true, predicted = counts.T
    below, total = np.maximum(true + predicted, 1), max(true.sum(), 1.0)
    f1 = 2 * right / below
    slope = -f1 * true / below
    more_weight = f1 - weighted_f1_of_counts(counts)
    return np.asarray(np.stack([2 * true / below, slope + more_weight, slope], axis=1) / total)


def samples_f1(truth: Bools, chosen: Bools) -> Floats:
    """Return the F1 of the labels of each text, shape (texts,); 1 of a text without labels that is given none."""
    either = truth.sum(axis=1) + chosen.sum(axis=1)
    return np.where(either > 0, 2 * (truth & chosen).sum(axis=1) / np.maximum(either, 1), 1.0)


def all_right(truth: Bools, chosen: Bools) -> Bools:
    """Return whether exactly the right labels are predicted for each text, shape (texts,)."""
    return np.asarray((truth == chosen).all(axis=1))


def label_losses(truth: Bools, probabilities: Floats) -> Floats:
    """Return the binary cross-entropy of each text in nats, the mean over the labels, shape (texts,)."""
    given = np.where(truth, probabilities, 1 - probabilities)
    return np.asarray(-np.log(np.maximum(given, SMALLEST_PROBABILITY)).mean(axis=1))


def label_average_precisions(truth: Bools, probabilities: Floats) -> list[Floats | None]:
    """Return for each label what `classification.average_precision_values` does; None where no text has it."""
    return [
        average_precision_values(truth[:, label], probabilities[:, label]) if truth[:, label].any() else None
        for label in range(truth.shape[1])
    ]


def mean_average_precisions(truth: Bools, probabilities: Floats) -> Floats | None:
    """Return for each text the mean average precision over the labels that occur, plus the text's influence on it.

    The mean of the values is the metric, and their spread is that of the metric for many texts.

    Returns:
        Shape (texts,), or None where no text has a label.
    """
    values = [each for each in label_average_precisions(truth, probabilities) if each is not None]
    return np.asarray(np.mean(values, axis=0)) if values else None
