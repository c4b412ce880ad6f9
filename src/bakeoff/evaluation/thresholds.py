"""From which probability a label is predicted, where a text can have several: chosen on the validation split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

COMMON_TEXTS = 50
"""Threshold and temperature of all labels together count as much as so many validation texts with a label. A few texts
of its own would choose what suits them alone (Yang 2001, *A study of thresholding strategies for text categorization*).
"""

_SURE = 1e-4  # thresholds are averaged as log-odds, which must be finite


def best_thresholds(truth: Bools, probabilities: Floats) -> list[float]:
    """Return for each label the threshold of the highest F1, drawn to that of all labels where few texts have it.

    Args:
        truth, probabilities: Of texts that the classifier was not trained on, shape (texts, labels).
    """
    common = best_threshold(truth.ravel(), probabilities.ravel())
    own = [best_threshold(truth[:, label], probabilities[:, label]) for label in range(truth.shape[1])]
    texts = truth.sum(axis=0)
    odds, common_odds = (logit(np.clip(threshold, _SURE, 1 - _SURE)) for threshold in (own, common))
    averaged: list[float] = expit((texts * odds + COMMON_TEXTS * common_odds) / (texts + COMMON_TEXTS)).tolist()
    return averaged


def best_threshold(truth: Bools, probabilities: Floats) -> float:
    """Return the threshold of the highest F1, halfway between two probabilities; 0.5 where no text has the label.

    Of equal ones, the highest: it predicts the fewest labels.
    """
    if not truth.any():
        return 0.5
    ranked, f1 = _f1_by_threshold(truth, probabilities)
    best = int(f1.argmax())
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float((ranked[best] + below) / 2)


def best_micro_f1(truth: Bools, probabilities: Floats) -> float:
    """Return the highest micro-F1 that one threshold for all labels reaches; arguments as of `best_thresholds`."""
    return float(_f1_by_threshold(truth.ravel(), probabilities.ravel())[1].max())


def _f1_by_threshold(truth: Bools, probabilities: Floats) -> tuple[Floats, Floats]:
    """Return the probabilities in falling order, and the F1 if all down to each are predicted.

    -1 stands where the next one is equal: equal probabilities are predicted together.
    """
    order = np.argsort(-probabilities, kind="stable")
    ranked, hits = probabilities[order], np.cumsum(truth[order])
    last = np.append(np.diff(ranked) != 0, True)
    return ranked, np.where(last, 2 * hits / (np.arange(len(ranked)) + 1 + truth.sum()), -1.0)


def choose_labels(probabilities: Floats, thresholds: Sequence[float]) -> Bools:
    """Return which labels are predicted, those that reach their threshold; shape (..., labels)."""
    return np.asarray(probabilities >= np.asarray(thresholds))
