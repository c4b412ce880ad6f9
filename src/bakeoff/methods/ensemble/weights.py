"""Weights of a logarithmic opinion pool, and a penalty on them where few texts are there to choose them by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from bakeoff.evaluation.calibration import fit_temperature

Array = npt.NDArray[np.float64]

FEW_TEXTS = 200
"""With fewer, the weights are penalized. With more, that changed the loss by less than 0.001 nats, measured."""

_PENALTIES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, np.inf)
_FOLDS = 10
_LARGEST_WEIGHT = 10.0
"""An upper bound, because weights would grow forever if no validation text is misclassified."""


def weigh(logits: Array, labels: npt.NDArray[np.int64], questions: int = 1) -> Array:
    """Return the weights of the lowest cross-entropy, shape (members,).

    With fewer than `FEW_TEXTS` texts, their squared distance from equal weights of calibrated members is penalized. The
    strength is the one of the lowest cross-fitted log-loss: that of texts that neither weights nor temperatures were
    fitted on (as the weights of stacking, Wolpert 1992).

    Args:
        logits: Shape (members, texts * questions, classes).
        labels: Class indices, shape (texts * questions,).
        questions: How many rows, one after the other, are of the same text.
    """
    texts = len(labels) // questions
    if texts >= FEW_TEXTS:
        return _fitted(logits, labels, 0.0, np.full(len(logits), 1 / len(logits)))
    penalty = _cross_fitted_penalty(logits, labels, questions) if texts > 1 else np.inf
    return _fitted(logits, labels, penalty, _equal(logits, labels))


def _cross_fitted_penalty(logits: Array, labels: npt.NDArray[np.int64], questions: int) -> float:
    of_texts = labels.reshape(-1, questions)
    fold_of_text = np.empty(len(of_texts), dtype=np.int64)
    fold_of_text[np.lexsort(of_texts.T)] = np.arange(len(of_texts)) % _FOLDS  # each class, or set of labels, in all
    fold = np.repeat(fold_of_text, questions)
    losses = np.zeros(len(_PENALTIES))
    for number in np.unique(fold):
        own, others = fold == number, fold != number
        equal = _equal(logits[:, others], labels[others])
        for place, penalty in enumerate(_PENALTIES):
            weights = _fitted(logits[:, others], labels[others], penalty, equal)
            losses[place] += own.sum() * _loss(weights, logits[:, own], labels[own])
    return _PENALTIES[int(losses.argmin())]


def _equal(logits: Array, labels: npt.NDArray[np.int64]) -> Array:
    """Return the weights of members that are calibrated first and then count the same."""
    temperatures = [fit_temperature(labels, softmax(member, axis=1)) for member in logits]
    return np.asarray(1 / (len(logits) * np.array(temperatures)))


def _fitted(logits: Array, labels: npt.NDArray[np.int64], penalty: float, center: Array) -> Array:
    if penalty == np.inf:
        return center
    given = np.take_along_axis(logits, labels[None, :, None], axis=2)[:, :, 0]

    def loss_and_slope(weights: Array) -> tuple[float, Array]:
        logs = log_softmax(np.tensordot(weights, logits, axes=1), axis=1)
        expected = (np.exp(logs) * logits).sum(axis=2)
        loss = -float(np.take_along_axis(logs, labels[:, None], axis=1).mean())
        away = weights - center
        return loss + penalty * float(away @ away), (expected - given).mean(axis=1) + 2 * penalty * away

    # Convex in the weights, so that where the search begins does not matter.
    bounds = [(0.0, _LARGEST_WEIGHT)] * len(logits)
    return np.asarray(minimize(loss_and_slope, center, jac=True, bounds=bounds).x)


def _loss(weights: Array, logits: Array, labels: npt.NDArray[np.int64]) -> float:
    logs = log_softmax(np.tensordot(weights, logits, axes=1), axis=1)
    return -float(np.take_along_axis(logs, labels[:, None], axis=1).mean())
