"""Where the learning curves of two contestants cross, with an interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bakeoff.evaluation.metrics import Draws

Floats = npt.NDArray[np.float64]


def places(rows: Sequence[int], leads: npt.ArrayLike) -> Floats:
    """Return the training rows from which one contestant stays ahead of another, on lines over the logarithm of rows.

    Args:
        rows: Of each size, ascending.
        leads: How far it is ahead at each size, shape (draws, sizes); below 0 it is behind.

    Returns:
        Shape (draws,): 0 where it is ahead at every size, infinity where it is behind with all rows.
    """
    ahead = np.atleast_2d(np.asarray(leads, dtype=np.float64))
    behind = ahead < 0
    sizes = len(rows)
    last = sizes - 1 - np.argmax(behind[:, ::-1], axis=1)  # size at which it is behind for the last time
    draws, after = np.arange(len(ahead)), np.minimum(last + 1, sizes - 1)
    low, high, log_rows = ahead[draws, last], ahead[draws, after], np.log(rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.exp(log_rows[last] + (log_rows[after] - log_rows[last]) * low / (low - high))
    return np.where(~behind.any(axis=1), 0.0, np.where(last == sizes - 1, np.inf, inside))


def interval_of_place(
    rows: Sequence[int], leads: npt.ArrayLike, covariance: npt.ArrayLike, draws: Draws
) -> tuple[int | None, int | None]:
    """Return the interval of the training rows at which two lines cross, from leads that are normally distributed.

    Args:
        covariance: Of the leads, shape (sizes, sizes).

    Returns:
        Both ends in rows; None for one that lies below the fewest rows, or above all of them.
    """
    drawn = np.random.default_rng(draws.seed).multivariate_normal(
        np.asarray(leads), np.asarray(covariance), size=max(draws.resamples, 2000), method="eigh"
    )
    tail = (1 - draws.confidence) / 2
    crossed = places(rows, drawn)
    low, high = np.quantile(crossed, tail, method="lower"), np.quantile(crossed, 1 - tail, method="higher")
    return (
        None if low == 0 else round(min(low, rows[-1])),
        None if high == np.inf else round(max(high, rows[0])),
    )
