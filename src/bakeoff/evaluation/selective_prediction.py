"""Selective prediction: coverage and accuracy of answering only where the classifier is sure.

El-Yaniv and Wiener 2010, "On the foundations of noise-free selective classification".
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bakeoff.evaluation.choosing import Costs, choose
from bakeoff.evaluation.per_class import share
from bakeoff.runs.results import CoveragePoint, SelectivePrediction, ThresholdChoice

WANTED = (0.8, 0.9, 0.95, 0.99)
_POINTS = 50
_THRESHOLDS = np.arange(10_000) / 10_000  # four decimals, so that the printed threshold is the measured one


def selective_prediction(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    validation_labels: npt.ArrayLike,
    validation_probabilities: npt.ArrayLike,
    confidence: float,
    costs: Costs | None = None,
) -> SelectivePrediction:
    """Return the accuracy-coverage curve of the evaluated split, and thresholds for some accuracies.

    A threshold is chosen on the validation split and measured on the evaluated one: chosen on the texts that also
    measure it, it would look better than it is.

    Args:
        labels, validation_labels: Class indices, shape (texts,).
        probabilities, validation_probabilities: Shape (texts, classes).
        confidence: Level of the intervals, e.g. 0.95.
        costs: What mistakes cost, which changes the predicted labels.
    """
    top, right = _answers(labels, probabilities, costs)
    chosen_on = _answers(validation_labels, validation_probabilities, costs)
    choices = []
    for wanted in WANTED:
        threshold = choose_threshold(*chosen_on, wanted)
        if threshold is None:
            choices.append(ThresholdChoice(wanted=wanted, threshold=None))
            continue
        answered = top >= threshold
        accuracy = share(int(right[answered].sum()), int(answered.sum()), confidence)
        choices.append(
            ThresholdChoice(wanted=wanted, threshold=threshold, coverage=float(answered.mean()), accuracy=accuracy)
        )
    return SelectivePrediction(curve=coverage_curve(top, right, confidence), choices=choices)


def choose_threshold(top: npt.ArrayLike, right: npt.ArrayLike, wanted: float) -> float | None:
    """Return the lowest threshold of four decimals at which at least the share `wanted` of the answers is right.

    Args:
        top: Probability of each text's predicted label, shape (texts,).
        right: True where that label is the true one, shape (texts,).

    Returns:
        None where no threshold reaches it.
    """
    order = np.argsort(top)
    first = np.searchsorted(np.asarray(top)[order], _THRESHOLDS)  # the first text that is answered
    answered = len(order) - first
    right_from = np.append(np.cumsum(np.asarray(right)[order][::-1])[::-1], 0)
    good = np.flatnonzero((answered > 0) & (right_from[first] >= wanted * answered))
    return float(_THRESHOLDS[good[0]]) if good.size else None


def coverage_curve(top: npt.ArrayLike, right: npt.ArrayLike, confidence: float) -> list[CoveragePoint]:
    """Return points from the surest answers to all texts, at most 50. Texts of equal probability are answered together.

    Args:
        top, right: As in `choose_threshold`.
    """
    order = np.argsort(-np.asarray(top), kind="stable")
    sorted_top, hits = np.asarray(top)[order], np.cumsum(np.asarray(right)[order])
    ends = np.flatnonzero(np.append(np.diff(sorted_top) != 0, True))  # the last text of each probability
    # The ends nearest to evenly spaced coverages; the last one is all texts.
    wanted = np.arange(1, _POINTS + 1) * len(order) / _POINTS - 1
    kept = np.unique(np.minimum(np.searchsorted(ends, wanted), len(ends) - 1))
    points = []
    for end in ends[kept]:
        accuracy = share(int(hits[end]), int(end) + 1, confidence)
        assert accuracy is not None
        points.append(
            CoveragePoint(threshold=float(sorted_top[end]), coverage=(int(end) + 1) / len(order), accuracy=accuracy)
        )
    return points


def _answers(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, costs: Costs | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the probability of each text's predicted label, and where it is the true one."""
    rows = np.asarray(probabilities, dtype=np.float64)
    predicted = choose(rows, costs)
    return rows[np.arange(len(rows)), predicted], predicted == np.asarray(labels)
