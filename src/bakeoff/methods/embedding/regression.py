"""Logistic regression on vectors, its strength chosen by cross-validation: scikit-learn's, saved without pickle."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file
from scipy.special import log_softmax

from bakeoff.methods.embedding.cache import Vectors
from bakeoff.methods.embedding.config import REGRESSION
from bakeoff.methods.scores import class_probabilities

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Inverse strengths of the L2 penalty (C in scikit-learn) that are tried, the strongest penalty first."""

DEFAULT_STRENGTH = 1e-2
_FOLDS = 5
_ENOUGH = 2_000  # held-out texts to choose a strength by: more would choose the same
PATIENCE = 2  # strengths without improvement before the search ends


@dataclass(frozen=True)
class Regression:
    """A linear classifier of vectors."""

    weights: Array  # shape (1 or classes, values): one row decides between two classes
    intercepts: Array  # shape (1 or classes,)
    multilabel: bool = False  # the classes are labels, of which a text can have several

    @property
    def parameters(self) -> int:
        return self.weights.size + self.intercepts.size

    def probabilities(self, vectors: Vectors) -> Array:
        """Return shape (texts, classes)."""
        scores = vectors.astype(np.float64) @ self.weights.T + self.intercepts
        return class_probabilities(scores, multilabel=self.multilabel)

    def save(self, folder: Path) -> None:
        tensors = {"weights": self.weights, "intercepts": self.intercepts}
        # safetensors writes the bytes as they lie, whatever the strides.
        contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        save_file(contiguous, folder / REGRESSION)

    @classmethod
    def load(cls, folder: Path, *, multilabel: bool = False) -> Regression:
        tensors = load_file(folder / REGRESSION)
        return cls(tensors["weights"], tensors["intercepts"], multilabel)


def fit(vectors: Vectors, labels: Labels, class_weight: str | None, strength: float, *, columns: int = 0) -> Regression:
    """Fit on standardized vectors; the result applies to vectors as they are.

    Args:
        vectors: Shape (texts, values).
        labels: Every class occurs.
        class_weight: scikit-learn's name of the rule.
        columns: So many of the last values are those of columns beside the text.
    """
    mean, scale = standard(vectors, columns)
    model = _logistic(class_weight, C=strength)
    _quietly(model, (vectors - mean) / scale, labels)
    weights = model.coef_.astype(np.float64) / scale
    return Regression(weights, model.intercept_ - weights @ mean)


def choose_strength(vectors: Vectors, labels: Labels, class_weight: str | None, *, columns: int = 0) -> float:
    """Return the inverse strength with the lowest log-loss on held-out fifths of the training texts.

    All five are held out in turn, or as many as have 2,000 texts. With fewer than two texts of every class, nothing can
    be held out, and it is 0.01. Arguments as of `fit`.
    """
    from sklearn.model_selection import StratifiedKFold

    count = min(_FOLDS, int(np.bincount(labels).max()))
    if count < 2 or len(labels) < 10:
        return DEFAULT_STRENGTH
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        splits = list(StratifiedKFold(count).split(vectors, labels))[: held_out_parts(len(labels))]
    folds = [
        _Fold(vectors, labels, class_weight, inside, outside, columns)
        for inside, outside in splits
        if len(np.unique(labels[inside])) > 1
    ]
    losses: list[float] = []
    for strength in STRENGTHS:
        parts = [fold.losses(strength) for fold in folds]
        losses.append(float(np.concatenate(parts).mean()) if parts else 0.0)
        if len(losses) - 1 - int(np.argmin(losses)) >= PATIENCE:
            break
    return STRENGTHS[int(np.argmin(losses))]


def held_out_parts(texts: int) -> int:
    """Return how many parts of the training texts `choose_strength` holds out at most."""
    return min(_FOLDS, math.ceil(_ENOUGH * _FOLDS / texts))


def standard(vectors: Vectors, columns: int = 0) -> tuple[Vectors, Vectors]:
    """Return mean and standard deviation of each value, shape (values,); 1 where nothing varies.

    The values of columns beside the text are scaled otherwise, by the length of a standardized vector of a text: the
    penalty then weighs a column like a text, and not like one of the hundreds of values of its vector.
    """
    deviations = vectors.std(axis=0)
    mean, scale = vectors.mean(axis=0), np.where(deviations > 1e-9, deviations, 1).astype(np.float32)
    if columns:
        mean[-columns:], scale[-columns:] = 0, (vectors.shape[1] - columns) ** -0.5
    return mean, scale


def _logistic(class_weight: str | None, **settings: Any) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(class_weight=class_weight, max_iter=300, **settings)


def _quietly(model: Any, vectors: Vectors, labels: Labels) -> None:
    """Fit. Where the optimum is flat, stopping short of it changes nothing that matters."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(vectors, labels)


class _Fold:
    """Texts to fit on and texts that are held out. Each fit begins with the weights of the one before."""

    def __init__(
        self, vectors: Vectors, labels: Labels, class_weight: str | None, inside: Labels, outside: Labels, columns: int
    ) -> None:
        mean, scale = standard(vectors[inside], columns)
        self._model = _logistic(class_weight, warm_start=True)
        self._vectors, self._labels = (vectors[inside] - mean) / scale, labels[inside]
        self._held_out, self._answers = (vectors[outside] - mean) / scale, labels[outside]

    def losses(self, strength: float) -> Array:
        """Return the log-loss of each held-out text whose class was fitted on."""
        model = self._model.set_params(C=strength)
        _quietly(model, self._vectors, self._labels)
        scores = self._held_out @ model.coef_.T + model.intercept_
        if scores.shape[1] == 1:
            scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
        known = np.isin(self._answers, model.classes_)
        rows = log_softmax(scores[known].astype(np.float64), axis=1)
        losses: Array = -rows[np.arange(len(rows)), np.searchsorted(model.classes_, self._answers[known])]
        return losses
