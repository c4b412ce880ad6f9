"""From a contestant's results with several seeds to its means, with intervals over seeds and test documents."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from bakeoff.judge.intervals import Interval, crossed_interval
from bakeoff.judge.pairing import figure_units
from bakeoff.runs.results import ContestantResult, Figure


def average(results: Sequence[ContestantResult], scores: Sequence[pa.Table], *, confidence: float) -> ContestantResult:
    """One result whose figures and times are means over the seeds; its memory is the largest of them.

    Everything else (settings, confusion matrix, notes) is that of the first seed.

    Args:
        results: One a seed, at least two, all of one contestant.
        scores: scores.parquet of each.
    """
    first = results[0]
    figures = [
        _average_figure([result.figures[number] for result in results], scores, confidence)
        for number in range(len(first.figures))
    ]
    costs = [result.training for result in results]
    training = first.training.model_copy(
        update={
            "seconds": statistics.fmean(cost.seconds for cost in costs),
            "total_seconds": statistics.fmean(cost.total_seconds for cost in costs),
            "peak_memory_bytes": max(cost.peak_memory_bytes for cost in costs),
        }
    )
    seeds = [result.seed for result in results]
    note = (
        f"Figures and times are means over the seeds {seeds[0]} to {seeds[-1]}; everything else is of seed {seeds[0]}."
    )
    return first.model_copy(
        update={"figures": figures, "training": training, "seeds": seeds, "notes": [*first.notes, note]}
    )


def _average_figure(figures: Sequence[Figure], scores: Sequence[pa.Table], confidence: float) -> Figure:
    """The mean, its interval where the figure is itself a mean over documents, and the spread.

    Perplexities are averaged as losses, so that their ratios are what the paired differences of losses say.
    """
    first, values = figures[0], [figure.value for figure in figures]
    ends = _interval(first, scores, confidence)
    return first.model_copy(
        update={
            "value": mean_value(first.name, values),
            "low": ends[0] if ends else None,
            "high": ends[1] if ends else None,
            "confidence": confidence,
            "by_seed": values,
            "deviation": float(np.std(values, ddof=1)),
        }
    )


def mean_value(name: str, values: Sequence[float]) -> float:
    """The mean over seeds of a figure; of perplexities exp of the mean loss."""
    if name.endswith("perplexity"):
        return math.exp(statistics.fmean(map(math.log, values)))
    return statistics.fmean(values)


def _interval(figure: Figure, scores: Sequence[pa.Table], confidence: float) -> Interval | None:
    units = [figure_units(table, figure) for table in scores]
    known = [each for each in units if each is not None]
    if not known:
        return None
    values = np.stack([each.values for each in known])
    ends = crossed_interval(values, known[0].weights, confidence=confidence)
    if ends is None:
        return None
    show: Callable[[float], float] = math.exp if figure.name == "perplexity" else float
    low, high = show(ends[0]), show(ends[1])
    return (max(0.0, low), min(1.0, high)) if figure.name == "accuracy" else (low, high)
