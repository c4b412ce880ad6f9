"""From a contestant's results with several seeds to its means, with intervals over seeds and test documents."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from bakeoff.evaluation.intervals import Interval, crossed_interval
from bakeoff.evaluation.pairing import Units, metric_units, protocol_name
from bakeoff.runs.results import Comparison, ContestantResult, MetricValue

_SHARES = ("accuracy", "macro_f1")  # between 0 and 1


def average(results: Sequence[ContestantResult], scores: Sequence[pa.Table], *, confidence: float) -> ContestantResult:
    """One result whose metrics and times are means over the seeds; its memory is the largest of them.

    Everything else (settings, confusion matrix, notes) is that of the first seed.

    Args:
        results: One a seed, at least two, all of one contestant.
        scores: scores.parquet of each.
    """
    first = results[0]
    metrics = [
        _average_metric([result.metrics[number] for result in results], scores, confidence)
        for number in range(len(first.metrics))
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
        update={"metrics": metrics, "training": training, "seeds": seeds, "notes": [*first.notes, note]}
    )


def _average_metric(metrics: Sequence[MetricValue], scores: Sequence[pa.Table], confidence: float) -> MetricValue:
    """The mean, its interval where the metric is itself a mean over documents, and the spread.

    Perplexities are averaged as losses, so that their ratios are what the paired differences of losses say.
    """
    first, values = metrics[0], [metric.value for metric in metrics]
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
    """The mean over seeds of a metric; of perplexities exp of the mean loss."""
    if name.endswith("perplexity"):
        return math.exp(statistics.fmean(map(math.log, values)))
    return statistics.fmean(values)


def _interval(metric: MetricValue, scores: Sequence[pa.Table], confidence: float) -> Interval | None:
    units = _units(scores, metric)
    if not units:
        return None
    ends = crossed_interval(np.stack([each.values for each in units]), units[0].weights, confidence=confidence)
    if ends is None:
        return None
    if metric.name == "perplexity":
        return math.exp(ends[0]), math.exp(ends[1])
    return (max(0.0, ends[0]), min(1.0, ends[1])) if metric.name in _SHARES else ends


def _units(scores: Sequence[pa.Table], metric: MetricValue) -> list[Units]:
    """The units of a metric with each seed; none where it has none."""
    found = [metric_units(table, metric) for table in scores]
    return [units for units in found if units is not None]


def compare_over_seeds(
    better: ContestantResult,
    worse: ContestantResult,
    better_scores: Sequence[pa.Table],
    worse_scores: Sequence[pa.Table],
    *,
    confidence: float,
) -> Comparison | None:
    """`better` minus `worse` by their first metric, paired by document and by seed; None for a single unit of text.

    A contestant that was trained once stands against every seed of the other one.

    Args:
        better, worse: The means over the seeds.
        better_scores, worse_scores: scores.parquet, one a seed.

    Raises:
        ValueError: They were not evaluated on the same documents, or have different numbers of seeds.
    """
    deciding = better.metrics[0]
    a, b = _units(better_scores, deciding), _units(worse_scores, deciding)
    seeds = max(len(a), len(b))
    if {len(a), len(b)} - {1, seeds}:
        raise ValueError(f"{better.name} and {worse.name} were not trained with the same number of seeds")
    weights = a[0].weights
    if a[0].names != b[0].names or not np.array_equal(weights, b[0].weights):
        raise ValueError(f"{better.name} and {worse.name} were not evaluated on the same documents")
    differences = np.stack([units.values for units in a]) - np.stack([units.values for units in b])
    ends = crossed_interval(differences, weights, confidence=confidence)
    if ends is None:
        return None
    by_seed = differences.sum(axis=1) / weights.sum()
    return Comparison(
        better=better.name,
        worse=worse.name,
        metric=deciding.name if better.task == "classification" else protocol_name(deciding.protocol),
        difference=float(by_seed.mean()),
        low=ends[0],
        high=ends[1],
        distinguishable=not ends[0] <= 0 <= ends[1],
        by_seed=by_seed.tolist(),
    )
