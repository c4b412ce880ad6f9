"""Estimators where a text can have several labels: fitted on a matrix of 0 and 1, each label against the rest."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit

Array = npt.NDArray[np.float64]


def for_several_labels(estimator: Any) -> Any:
    """Return the estimator if it takes several labels, or else scikit-learn's one-versus-rest around its last step."""
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import Pipeline

    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        return Pipeline([*estimator.steps[:-1], (name, for_several_labels(last))])
    return estimator if _takes_several(estimator) else OneVsRestClassifier(estimator)


def _takes_several(estimator: Any) -> bool:
    from sklearn.utils import get_tags

    tags = get_tags(estimator).classifier_tags
    return bool(tags and tags.multi_label)


def label_probabilities(
    answers: Any, how: Literal["predict_proba", "decision_function", "predict"], labels: int
) -> Array | None:
    """Return shape (texts, labels) from what a function of an estimator gives; None if it is something else.

    Args:
        answers: Of `predict_proba` a column for each label, or for each label an array of two columns.
    """
    if isinstance(answers, list):
        if len(answers) != labels or not all(np.ndim(each) == 2 and np.shape(each)[1] == 2 for each in answers):
            return None
        answers = np.stack([np.asarray(each)[:, 1] for each in answers], axis=1)
    rows = np.asarray(answers, dtype=np.float64)
    if how == "decision_function":
        rows = expit(rows)
    usable = rows.ndim == 2 and rows.shape[1] == labels and ((rows >= 0) & (rows <= 1)).all()
    return rows if usable else None
