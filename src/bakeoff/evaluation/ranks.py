"""How surely a contestant is among the best: ranks in resamples of the test documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bakeoff.evaluation.folds import widening
from bakeoff.evaluation.intervals import resample_counts
from bakeoff.evaluation.metrics import Draws, get_metric
from bakeoff.runs.findings import Rank
from bakeoff.runs.results import ContestantResult

_BEST = 3


def ranks(ranked: Sequence[ContestantResult], scores: Mapping[str, Sequence[pa.Table]], draws: Draws) -> list[Rank]:
    """Rank the contestants in bootstrap resamples of the test documents.

    Every resample has the same documents for all contestants, so what makes a document hard for everyone cancels out.
    The ends of the interval are percentiles of the ranks (Goldstein and Spiegelhalter 1996, *League tables and their
    limitations*; Hall and Miller 2009, *Using the bootstrap to quantify the authority of an empirical ranking*). With
    several seeds, these are resampled too, which is too narrow for a few of them. With folds, resamples are as much
    farther from what was measured as the intervals are wider.

    Args:
        ranked: Best first, at least one.
        scores: scores.parquet of each contestant by name, one per seed.

    Returns:
        Nothing where the deciding metric is no mean over units of text, or there is a single unit.
    """
    deciding = ranked[0].metrics[0]
    metric = get_metric(deciding.name)
    if metric.units is None:
        return []
    units = [[metric.units(table, deciding.protocol) for table in scores[result.name]] for result in ranked]
    weights = units[0][0].weights
    values = [np.stack([seed.values for seed in contestant]) for contestant in units]  # of each: (seeds, units)
    sign = -1 if deciding.higher_is_better else 1
    if (weights > 0).sum() < 2:
        return []
    means = np.array([[contestant.mean(axis=0).sum() / weights.sum() for contestant in values]])
    resampled = np.concatenate(list(_resampled_means(values, weights, draws)))
    places = _places(sign * (means + widening(deciding.folds) * (resampled - means)))
    measured = _places(sign * means)[0]
    low, high = np.quantile(
        places, [(1 - draws.confidence) / 2, (1 + draws.confidence) / 2], axis=0, method="closest_observation"
    )
    return [
        Rank(
            name=result.name,
            rank=int(measured[index]),
            low=int(low[index]),
            high=int(high[index]),
            among_best=[float((places[:, index] <= best).mean()) for best in range(1, min(_BEST, len(ranked)) + 1)],
        )
        for index, result in enumerate(ranked)
    ]


def _resampled_means(
    values: Sequence[npt.NDArray[np.float64]], weights: npt.NDArray[np.float64], draws: Draws
) -> Iterator[npt.NDArray[np.float64]]:
    """Yield weighted means, shape (some of the resamples, contestants)."""
    several = sorted({len(contestant) for contestant in values} - {1})
    table = np.concatenate([*values, weights[None]])  # (seeds of all contestants and 1, units)
    # Documents that are alike for everyone are drawn together.
    distinct, times = np.unique(table, axis=1, return_counts=True)
    random = np.random.default_rng(draws.seed)
    for counts in resample_counts(times, draws.resamples, draws.seed):
        sums = counts @ distinct.T
        means = sums[:, :-1] / sums[:, -1:]
        # Contestants with as many seeds get the same ones: a seed is paired with its like.
        drawn = {
            seeds: random.multinomial(seeds, np.full(seeds, 1 / seeds), size=len(counts)) / seeds for seeds in several
        }
        columns, start = [], 0
        for contestant in values:
            its = means[:, start : start + len(contestant)]
            columns.append((its * drawn.get(len(contestant), 1)).sum(axis=1))
            start += len(contestant)
        yield np.stack(columns, axis=1)


def _places(losses: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return ranks in each row, 1 for the smallest; equal values share the better rank."""
    smaller = losses[:, None, :] < losses[:, :, None] - 1e-12  # sums in another order differ in their last bits
    places: npt.NDArray[np.int64] = 1 + smaller.sum(axis=2)
    return places
