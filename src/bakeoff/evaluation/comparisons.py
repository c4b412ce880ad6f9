"""Compare two contestants on the same test documents, and correct for the number of comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from bakeoff.evaluation.folds import larger_p_value, wider_level
from bakeoff.evaluation.intervals import holm
from bakeoff.evaluation.metrics import Draws, get_metric
from bakeoff.evaluation.pairing import IncomparableError, UnpairedScoresError
from bakeoff.evaluation.repeats import compare_over_seeds, compared_by
from bakeoff.runs.results import Comparison, ContestantResult


def corrected(comparisons: Sequence[Comparison], confidence: float) -> list[Comparison]:
    """Correct the p-values for their number; two contestants are then told apart if interval and p-value agree."""
    p_values = holm([comparison.p_value or 0.0 for comparison in comparisons])
    return [
        comparison.model_copy(
            update={
                "corrected_p_value": p_value,
                "distinguishable": comparison.distinguishable and p_value < 1 - confidence,
            }
        )
        for comparison, p_value in zip(comparisons, p_values, strict=True)
    ]


def compare(
    better: ContestantResult, worse: ContestantResult, scores: Mapping[str, Sequence[pa.Table]], draws: Draws
) -> Comparison | None:
    """Compare on the same documents; return None where a single unit of text leaves nothing to resample."""
    if len(scores[better.name]) > 1 or len(scores[worse.name]) > 1:
        return compare_over_seeds(better, worse, scores[better.name], scores[worse.name], confidence=draws.confidence)
    deciding = better.metrics[0]
    metric = get_metric(deciding.name)
    if metric.paired is None:
        raise ValueError(f"{metric.title} cannot decide a verdict: {metric.unpaired_because}")
    try:
        wider = replace(draws, confidence=wider_level(draws.confidence, deciding.folds))
        paired = metric.paired.compare(scores[better.name][0], scores[worse.name][0], deciding.protocol, wider)
    except UnpairedScoresError as error:
        raise IncomparableError(f"{better.name} and {worse.name} {error}") from None
    if paired is None:
        return None
    low, high = paired.interval
    return Comparison(
        better=better.name,
        worse=worse.name,
        metric=compared_by(deciding),
        difference=paired.difference,
        low=low,
        high=high,
        p_value=larger_p_value(paired.p_value, deciding.folds),
        test=metric.paired.test,
        distinguishable=not low <= 0 <= high,
    )
