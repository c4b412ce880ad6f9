"""Logistic regressions of several labels on vectors, fitted together: each tells the texts with one label from others.

The optimum is that of a regression for each label by itself, and one pass over the vectors serves them all.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from bakeoff.methods.embedding.cache import Vectors
from bakeoff.methods.embedding.regression import DEFAULT_STRENGTH, PATIENCE, STRENGTHS, Array, Regression, standard

Bools = npt.NDArray[np.bool_]

_HELD_OUT = 5
"""One text in so many is held out to choose the strength. All labels are judged together, so one part is enough."""

_MOST_STEPS = 300
_TOLERANCE = 1e-4  # of the largest slope, as scikit-learn's


def fit_labels(
    vectors: Vectors, truth: Bools, class_weight: str | None, strength: float, *, columns: int = 0
) -> Regression:
    """Fit on standardized vectors; the result applies to vectors as they are.

    Args:
        vectors: Shape (texts, values).
        truth: Which texts have which labels, shape (texts, labels); some have each label and some have not.
        class_weight: scikit-learn's name of the rule, for each label by itself.
        strength: Inverse strength of the L2 penalty of each label (C in scikit-learn).
        columns: So many of the last values are those of columns beside the text.
    """
    mean, scale = standard(vectors, columns)
    weights, intercepts = _fitted((vectors - mean) / scale, truth, class_weight, strength, None)
    weights = weights / scale
    return Regression(weights, intercepts - weights @ mean, multilabel=True)


def choose_label_strength(vectors: Vectors, truth: Bools, class_weight: str | None, *, columns: int = 0) -> float:
    """Return the inverse strength with the lowest loss on a held-out fifth of the training texts.

    With fewer than 10 texts nothing is held out, and it is 0.01. Arguments as of `fit_labels`.
    """
    held_out = np.arange(len(truth)) % _HELD_OUT == 0
    inside, outside = truth[~held_out], truth[held_out]
    known = inside.any(axis=0) & ~inside.all(axis=0)
    if len(truth) < 10 or not known.any():
        return DEFAULT_STRENGTH
    mean, scale = standard(vectors[~held_out], columns)
    seen, others = ((vectors[rows] - mean) / scale for rows in (~held_out, held_out))
    losses: list[float] = []
    found: tuple[Array, Array] | None = None
    for strength in STRENGTHS:
        found = _fitted(seen, inside[:, known], class_weight, strength, found)
        scores = others @ found[0].T + found[1]
        losses.append(float((np.logaddexp(0, scores) - np.where(outside[:, known], scores, 0)).mean()))
        if len(losses) - 1 - int(np.argmin(losses)) >= PATIENCE:
            break
    return STRENGTHS[int(np.argmin(losses))]


def _fitted(
    vectors: Vectors, truth: Bools, class_weight: str | None, strength: float, start: tuple[Array, Array] | None
) -> tuple[Array, Array]:
    """Return weights, shape (labels, values), and intercepts, shape (labels,).

    Args:
        start: Weights and intercepts to begin with.
    """
    texts, labels = truth.shape
    values = vectors.shape[1]
    rows = vectors.astype(np.float64)
    weighing: Array | float = 1.0
    if class_weight is not None:  # `balanced`
        share = truth.mean(axis=0)
        weighing = np.where(truth, 0.5 / share, 0.5 / (1 - share))

    def loss_and_slope(flat: Array) -> tuple[float, Array]:
        weights, intercepts = flat[: labels * values].reshape(labels, values), flat[labels * values :]
        scores = rows @ weights.T + intercepts
        loss = (weighing * (np.logaddexp(0, scores) - np.where(truth, scores, 0))).sum()
        error = weighing * (expit(scores) - truth)
        slope = np.concatenate([(error.T @ rows + weights / strength).ravel(), error.sum(axis=0)])
        return float(loss + 0.5 / strength * (weights * weights).sum()) / texts, slope / texts

    begin = np.zeros(labels * (values + 1)) if start is None else np.concatenate([start[0].ravel(), start[1]])
    options = {"maxiter": _MOST_STEPS, "gtol": _TOLERANCE}
    flat = minimize(loss_and_slope, begin, jac=True, method="L-BFGS-B", options=options).x
    return flat[: labels * values].reshape(labels, values), flat[labels * values :]
