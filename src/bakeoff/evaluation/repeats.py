"""Average a contestant's results with several seeds, with intervals over seeds and test documents."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from bakeoff.evaluation.folds import widening
from bakeoff.evaluation.intervals import Interval, crossed_interval, crossed_p_value
from bakeoff.evaluation.metrics import get_metric
from bakeoff.evaluation.pairing import IncomparableError, Units, protocol_name
from bakeoff.runs.results import Comparison, ContestantResult, MetricValue, TrainingCost, Usage


def average(results: Sequence[ContestantResult], scores: Sequence[pa.Table], *, confidence: float) -> ContestantResult:
    """Return one result whose metrics and times are means over the seeds; its memory is the largest of them.

    A metric that is not defined with every seed is left out. Everything else (settings, confusion matrix, notes) is
    that of the first seed.

    Args:
        results: One per seed, at least two, all of one contestant.
        scores: scores.parquet of each.
    """
    first = results[0]
    by_seed = [{(metric.name, metric.protocol): metric for metric in result.metrics} for result in results]
    metrics = [
        _average_metric([metrics[key] for metrics in by_seed], scores, confidence)
        for key in by_seed[0]
        if all(key in metrics for metrics in by_seed)
    ]
    training = mean_cost([result.training for result in results], first.training)
    usages = [result.usage for result in results if result.usage]
    seeds = [result.seed for result in results]
    averaged = "Metrics, times and what was asked" if usages else "Metrics and times"
    note = f"{averaged} are means over seeds {seeds[0]} to {seeds[-1]}; everything else comes from seed {seeds[0]}."
    return first.model_copy(
        update={
            "metrics": metrics,
            "training": training,
            "usage": _average_usage(usages) if usages else None,
            "seeds": seeds,
            "notes": [*first.notes, note],
        }
    )


def mean_cost(costs: Sequence[TrainingCost], like: TrainingCost) -> TrainingCost:
    """Return `like` with mean times and the largest memory of several trainings."""
    return like.model_copy(
        update={
            "seconds": statistics.fmean(cost.seconds for cost in costs),
            "total_seconds": statistics.fmean(cost.total_seconds for cost in costs),
            "peak_memory_bytes": max(cost.peak_memory_bytes for cost in costs),
        }
    )


def _average_usage(usages: Sequence[Usage]) -> Usage:
    paid = [usage.money for usage in usages if usage.money is not None]
    counts = {
        key: round(statistics.fmean(getattr(usage, key) for usage in usages))
        for key in ("requests", "input_tokens", "output_tokens")
    }
    return usages[0].model_copy(update={**counts, "money": statistics.fmean(paid) if paid else None})


def _average_metric(metrics: Sequence[MetricValue], scores: Sequence[pa.Table], confidence: float) -> MetricValue:
    """Return the mean, its interval where the metric is itself a mean over documents, and the spread.

    Perplexities are averaged as losses, so that their ratios agree with the paired differences of losses.
    """
    first, values = metrics[0], [metric.value for metric in metrics]
    interval = _interval(first, scores, confidence)
    by_fold = zip(*(metric.by_fold for metric in metrics), strict=False)  # a seed may lack a fold's value
    return first.model_copy(
        update={
            "value": get_metric(first.name).mean(values),
            "low": interval[0] if interval else None,
            "high": interval[1] if interval else None,
            "confidence": confidence,
            "by_seed": values,
            "by_fold": [get_metric(first.name).mean(fold) for fold in by_fold],
            "deviation": float(np.std(values, ddof=1)),
        }
    )


def _interval(value: MetricValue, scores: Sequence[pa.Table], confidence: float) -> Interval | None:
    metric = get_metric(value.name)
    if metric.units is None:
        return None
    by_seed = [metric.units(table, value.protocol) for table in scores]
    interval = crossed_interval(
        np.stack([units.values for units in by_seed]),
        by_seed[0].weights,
        confidence=confidence,
        widening=widening(value.folds),
    )
    return metric.from_units(interval) if interval else None


def compare_over_seeds(
    better: ContestantResult,
    worse: ContestantResult,
    better_scores: Sequence[pa.Table],
    worse_scores: Sequence[pa.Table],
    *,
    confidence: float,
) -> Comparison | None:
    """Compare two contestants by their first metric, `better` minus `worse`, paired by document and by seed.

    A contestant that was trained once is compared with every seed of the other one.

    Args:
        better, worse: The means over the seeds.
        better_scores, worse_scores: scores.parquet, one per seed.

    Returns:
        None where there is a single unit of text.

    Raises:
        IncomparableError: They were not evaluated on the same documents, or have different numbers of seeds.
    """
    deciding = better.metrics[0]
    a, b = _units(better_scores, deciding), _units(worse_scores, deciding)
    seeds = max(len(a), len(b))
    if {len(a), len(b)} - {1, seeds}:
        raise IncomparableError(f"{better.name} and {worse.name} were not trained with the same number of seeds")
    weights = a[0].weights
    if a[0].names != b[0].names or not np.array_equal(weights, b[0].weights):
        raise IncomparableError(f"{better.name} and {worse.name} were not evaluated on the same documents")
    differences = np.stack([units.values for units in a]) - np.stack([units.values for units in b])
    wider = widening(deciding.folds)
    interval = crossed_interval(differences, weights, confidence=confidence, widening=wider)
    if interval is None:
        return None
    low, high = interval
    by_seed = differences.sum(axis=1) / weights.sum()
    return Comparison(
        better=better.name,
        worse=worse.name,
        metric=compared_by(deciding),
        difference=float(by_seed.mean()),
        low=low,
        high=high,
        p_value=crossed_p_value(differences, weights, widening=wider),
        test="Student",
        distinguishable=not low <= 0 <= high,
        by_seed=by_seed.tolist(),
    )


def compared_by(deciding: MetricValue) -> str:
    """Return what a comparison is recorded to be of: the deciding metric, or the protocol of a perplexity."""
    return protocol_name(deciding.protocol) if get_metric(deciding.name).logarithmic else deciding.name


def _units(scores: Sequence[pa.Table], deciding: MetricValue) -> list[Units]:
    """Return the units with each seed."""
    metric = get_metric(deciding.name)
    if metric.units is None:
        raise ValueError(f"{metric.title} cannot decide a verdict over several seeds: it is no mean over texts")
    return [metric.units(table, deciding.protocol) for table in scores]
