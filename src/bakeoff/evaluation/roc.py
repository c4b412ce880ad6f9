"""Area under the ROC curve of a classifier of two classes, with its interval."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import norm, rankdata

from bakeoff.runs.results import Estimate


def roc_auc(positive: npt.ArrayLike, scores: npt.ArrayLike, confidence: float) -> Estimate | None:
    """Chance that a text of the one class gets a higher score than a text of the other; a tie counts half.

    It does not depend on which class is called positive, if the scores are turned around with it. The variance is
    DeLong's (1988), from ranks as in Sun and Xu (2014); the interval is taken on the logit scale, which keeps it
    between 0 and 1.

    Args:
        positive: Whether each text is of the one class, shape (texts,).
        scores: E.g. the probability of that class, shape (texts,).
        confidence: Level of the interval, e.g. 0.95.

    Returns:
        None where a class has no texts. Without an interval where a class has a single text, or where the classes are
        fully separated, which leaves no spread to estimate.
    """
    truth, values = np.asarray(positive, dtype=bool), np.asarray(scores, dtype=np.float64)
    above, below = values[truth], values[~truth]
    if not above.size or not below.size:
        return None
    ranks = rankdata(values)
    # Of each text, the share of the other class that it is on the right side of.
    placed_above = (ranks[truth] - rankdata(above)) / below.size
    placed_below = 1 - (ranks[~truth] - rankdata(below)) / above.size
    area = float(placed_above.mean())
    if min(above.size, below.size) < 2 or area in (0.0, 1.0):
        return Estimate(value=area)
    deviation = math.sqrt(placed_above.var(ddof=1) / above.size + placed_below.var(ddof=1) / below.size)
    half = float(norm.ppf(0.5 + confidence / 2)) * deviation / (area * (1 - area))
    return Estimate(value=area, low=float(expit(logit(area) - half)), high=float(expit(logit(area) + half)))
