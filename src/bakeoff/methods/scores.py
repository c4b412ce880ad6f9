"""From the scores of a linear classifier to probabilities."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax

Array = npt.NDArray[np.float64]


def class_probabilities(scores: Array, *, multilabel: bool = False) -> Array:
    """Return probabilities, shape (texts, classes).

    Args:
        scores: Shape (texts, classes), or (texts, 1) where one score decides between two classes.
        multilabel: Each score is the logit of a label, which a text can have beside others.
    """
    if multilabel:
        return np.asarray(expit(scores))
    if scores.shape[1] > 1:
        probabilities: Array = softmax(scores, axis=1)
        return probabilities
    second = expit(scores[:, 0])
    return np.stack([1 - second, second], axis=1)
