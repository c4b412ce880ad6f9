"""Metrics of classifiers and the confusion matrix, from labels, predictions and probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix

from bakeoff.runs.results import Confusion

Floats = npt.NDArray[np.float64]

# The smallest probability that counts, so that a single confident mistake cannot make the loss infinite.
SMALLEST_PROBABILITY = float(np.finfo(np.float32).tiny)


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


def weighted_f1_of_counts(counts: npt.NDArray[np.int64]) -> Floats:
    """Return the mean F1 over the classes, each weighing as many texts as have its label; arguments as above."""
    texts = counts.sum(axis=-1)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    f1 = 2 * hits / np.maximum(texts + counts.sum(axis=-2), 1)
    return np.asarray((f1 * texts).sum(axis=-1) / np.maximum(texts.sum(axis=-1), 1))


def balanced_accuracy_of_counts(counts: npt.NDArray[np.int64]) -> Floats:
    """Return the mean recall over the classes that have texts; arguments as above."""
    texts = counts.sum(axis=-1)
    recall = np.diagonal(counts, axis1=-2, axis2=-1) / np.maximum(texts, 1)
    return np.asarray(recall.sum(axis=-1) / np.maximum((texts > 0).sum(axis=-1), 1))


def matthews_of_counts(counts: npt.NDArray[np.int64]) -> Floats:
    """Return Matthews' correlation coefficient, for several classes after Gorodkin (2004); arguments as above.

    0 where all labels or all predictions are the same.
    """
    whole = counts.astype(np.float64)
    texts, predicted, total = whole.sum(axis=-1), whole.sum(axis=-2), whole.sum(axis=(-1, -2))
    hits = np.diagonal(whole, axis1=-2, axis2=-1).sum(axis=-1)
    covariance = hits * total - (texts * predicted).sum(axis=-1)
    spread = (total**2 - (texts**2).sum(axis=-1)) * (total**2 - (predicted**2).sum(axis=-1))
    return np.asarray(np.where(spread > 0, covariance / np.sqrt(np.maximum(spread, 1)), 0.0))


def quadratic_kappa_of_counts(counts: npt.NDArray[np.int64]) -> Floats:
    """Return Cohen's kappa (1968) with quadratic weights, of classes in their order; arguments as above.

    0 where all labels and predictions are the same.
    """
    whole = counts.astype(np.float64)
    places = np.arange(counts.shape[-1])
    weights = (places[:, None] - places) ** 2
    expected = whole.sum(axis=-1)[..., :, None] * whole.sum(axis=-2)[..., None, :]
    expected /= np.maximum(whole.sum(axis=(-1, -2)), 1)[..., None, None]
    by_chance = (weights * expected).sum(axis=(-1, -2))
    observed = (weights * whole).sum(axis=(-1, -2))
    return np.asarray(np.where(by_chance > 0, 1 - observed / np.where(by_chance > 0, by_chance, 1), 0.0))


def brier_scores(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> Floats:
    """Return the Brier score (1950) of each text: the squared distance of the probabilities from the truth.

    With two classes it is that of one of them, as usual, and so at most 1; with more, the sum over the classes.
    Arguments as in `text_losses`.
    """
    rows = np.array(probabilities, dtype=np.float64)
    rows[np.arange(len(rows)), np.asarray(labels, dtype=np.int64)] -= 1
    distances: Floats = (rows**2).sum(axis=1)
    return distances / 2 if rows.shape[1] == 2 else distances


def among_most_probable(labels: npt.ArrayLike, probabilities: npt.ArrayLike, k: int) -> npt.NDArray[np.bool_]:
    """Return whether the label of each text is among its `k` most probable classes; arguments as in `text_losses`."""
    rows = np.asarray(probabilities, dtype=np.float64)
    order = np.argsort(-rows, axis=1, kind="stable")[:, :k]  # of equal probabilities the first, as argmax
    return np.asarray((order == np.asarray(labels)[:, None]).any(axis=1))


def average_precisions(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> Floats | None:
    """Return for each text the mean average precision over the classes plus the text's influence on it.

    The average precision of a class is the area under its precision-recall curve, without interpolation, where the
    texts are ranked by its probability. The mean of the values is the mean over the classes that have texts, and their
    spread is that of the metric for many texts (infinitesimal jackknife, Efron 1982). Arguments as in `text_losses`.

    Returns:
        Shape (texts,), or None where all texts have the same label.
    """
    truth, rows = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    classes = np.unique(truth)
    if len(classes) < 2:
        return None
    return np.asarray(np.mean([average_precision_values(truth == label, rows[:, label]) for label in classes], axis=0))


def average_precision_values(positive: npt.NDArray[np.bool_], scores: Floats) -> Floats:
    """Return for each text the average precision of one class plus the text's influence on it.

    Args:
        positive: Which texts have the class, shape (texts,), at least one.
        scores: Rank the texts, shape (texts,).
    """
    order = np.argsort(-scores, kind="stable")
    hit, ranked = positive[order].astype(np.float64), scores[order]
    # Texts of equal scores are found together: each has the place of the last of them, and the first.
    last = np.searchsorted(-ranked, -ranked, side="right") - 1
    first = np.searchsorted(-ranked, -ranked, side="left")
    found = last + 1.0
    precision = np.cumsum(hit)[last] / found
    total = hit.sum()
    value = (hit * precision).sum() / total
    # One more text like this one changes the precision at its own place and at all later ones.
    later = [np.cumsum(part[::-1])[::-1][first] for part in (hit / found, hit * precision / found)]
    influence = (hit * precision + hit * later[0] - later[1] - value * hit) / total
    values = np.empty(len(hit))
    values[order] = value + len(hit) * influence
    return values


def text_losses(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the cross-entropy of each text in nats: minus the logarithm of the true label's probability.

    Args:
        labels: Class indices, shape (texts,).
        probabilities: Shape (texts, classes), rows add up to 1.
    """
    rows = np.asarray(probabilities, dtype=np.float64)
    true = np.take_along_axis(rows, np.asarray(labels, dtype=np.int64)[:, None], axis=1)[:, 0]
    return -np.log(np.maximum(true, SMALLEST_PROBABILITY))


def log_loss(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Return the mean cross-entropy in nats per text; arguments as in `text_losses`."""
    return float(text_losses(labels, probabilities).mean())
