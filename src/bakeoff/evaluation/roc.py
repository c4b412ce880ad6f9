"""Area under the ROC curve of a classifier of two classes, with its interval."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import norm, rankdata

from bakeoff.runs.results import Estimate


def roc_auc(positive: npt.ArrayLike, scores: npt.ArrayLike, confidence: float) -> Estimate | None:
    """Return the chance that a text of one class scores higher than a text of the other; a tie counts half.

    The area is the same whichever class is called positive, if the scores are flipped with it. The variance is
    DeLong's (1988), from ranks as in Sun and Xu (2014); the interval is taken on the logit scale, which keeps it
    between 0 and 1.

    Args:
        positive: True for texts of the positive class, shape (texts,).
        scores: For example the probability of that class, shape (texts,).
        confidence: Level of the interval, e.g. 0.95.

    Returns:
        None where a class has no texts. There is no interval where a class has a single text, or where the classes are
        fully separated, which leaves no spread to estimate.
    """
    truth, values = np.asarray(positive, dtype=bool), np.asarray(scores, dtype=np.float64)
    above, below = values[truth], values[~truth]
    if not above.size or not below.size:
        return None
    ranks = rankdata(values)
    # For each text, the share of the other class that it is ranked correctly against.
    placed_above = (ranks[truth] - rankdata(above)) / below.size
    placed_below = 1 - (ranks[~truth] - rankdata(below)) / above.size
    area = float(placed_above.mean())
    if min(above.size, below.size) < 2 or area in (0.0, 1.0):
        return Estimate(value=area)
    deviation = math.sqrt(placed_above.var(ddof=1) / above.size + placed_below.var(ddof=1) / below.size)
    half = float(norm.ppf(0.5 + confidence / 2)) * deviation / (area * (1 - area))
    return Estimate(value=area, low=float(expit(logit(area) - half)), high=float(expit(logit(area) + half)))
