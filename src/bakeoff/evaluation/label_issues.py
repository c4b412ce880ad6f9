"""Find texts whose given label may be wrong: a simple form of confident learning (Northcutt et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_ROUNDING = 1e-9  # the rounded mean of equal probabilities may exceed them


@dataclass(frozen=True)
class LabelIssues:
    """Texts for which a classifier confidently predicts another label than the given one, most suspicious first."""

    texts: npt.NDArray[np.int64]  # row indices, shape (label_issues,)
    suggestions: npt.NDArray[np.int64]  # the likelier class of each, shape (label_issues,)


def label_issues(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> LabelIssues:
    """Find label issues by the thresholds of confident learning.

    The threshold of a class is the mean probability of that class over the texts labeled with it: how sure the
    classifier usually is. A text is an issue where its given label stays below that label's threshold while a more
    probable one reaches its own; the most probable such label is suggested. Issues are ranked by how much more probable
    the suggestion is than the given label. A class that no text is labeled with has no threshold and is never
    suggested.

    Args:
        labels: Given class indices, shape (texts,), of texts that the classifier was not trained on.
        probabilities: Shape (texts, classes).
    """
    given, rows = np.asarray(labels, dtype=np.int64), np.asarray(probabilities, dtype=np.float64)
    own = np.take_along_axis(rows, given[:, None], axis=1)[:, 0]
    counts = np.bincount(given, minlength=rows.shape[1])
    sums = np.bincount(given, weights=own, minlength=rows.shape[1])
    thresholds = np.divide(sums, counts, out=np.full(rows.shape[1], np.inf), where=counts > 0)
    below = own < thresholds[given] - _ROUNDING
    reached = np.where(rows >= thresholds, rows, -np.inf)
    suggested = reached.argmax(axis=1)
    margins = reached.max(axis=1) - own
    issues = np.flatnonzero(below & (margins > 0))
    ranked = issues[np.argsort(-margins[issues], kind="stable")]
    return LabelIssues(ranked, suggested[ranked])
