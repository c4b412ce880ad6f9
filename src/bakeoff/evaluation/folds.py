"""Intervals and p-values of a cross-validation, whose training sets overlap.

An interval over the texts of all folds holds the mean of the models that were trained. Other rows would also give other
models, and the training sets of the folds share rows, so that the folds do not average that out as independent ones
would. Nadeau and Bengio (2003, *Inference for the generalization error*) multiply the variance of a mean over folds by
1 + folds * (tested rows / other rows). `docs/explanation/statistics.md` has the coverage.
"""

from __future__ import annotations

import math

from scipy import stats


def widening(folds: int) -> float:
    """Return the factor by which an interval over texts is widened; 1 without folds."""
    return math.sqrt(1 + folds / (folds - 1)) if folds else 1.0


def wider_level(confidence: float, folds: int) -> float:
    """Return the level at which an interval over texts is `widening` times as wide as at `confidence`."""
    if not folds:
        return confidence
    return float(1 - 2 * stats.norm.sf(widening(folds) * stats.norm.isf((1 - confidence) / 2)))


def larger_p_value(p_value: float, folds: int) -> float:
    """Return the p-value that belongs to the widened intervals, from one over texts."""
    return float(2 * stats.norm.sf(stats.norm.isf(p_value / 2) / widening(folds)))
