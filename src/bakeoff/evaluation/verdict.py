"""Rank the contestants and compare the best with the others; `sentences.py` puts the result into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from bakeoff.evaluation.folds import larger_p_value, wider_level
from bakeoff.evaluation.intervals import holm
from bakeoff.evaluation.limits import Caution, cautions
from bakeoff.evaluation.metrics import Draws, get_metric
from bakeoff.evaluation.pairing import UnpairedScoresError, protocol_name
from bakeoff.evaluation.pareto import fronts
from bakeoff.evaluation.ranks import ranks
from bakeoff.evaluation.recommendation import RULE, recommend
from bakeoff.evaluation.repeats import compare_over_seeds
from bakeoff.evaluation.sentences import sentences
from bakeoff.evaluation.summary import recommendation_line, winner_line
from bakeoff.evaluation.text_statistics import text_averages
from bakeoff.evaluation.time_limit import time_limit
from bakeoff.runs.data_report import DataReport
from bakeoff.runs.results import Comparison, ContestantResult, EpochLine, Sample, Verdict


def ranking(results: Sequence[ContestantResult]) -> list[ContestantResult]:
    """Sort by the first metric of each, best first; ties keep the order of the config."""
    sign = -1 if results[0].metrics[0].higher_is_better else 1
    return sorted(results, key=lambda result: sign * result.metrics[0].value)


def decide(
    results: Sequence[ContestantResult],
    scores: Mapping[str, Sequence[pa.Table]],
    *,
    confidence: float,
    resamples: int,
    seed: int,
    epochs: Mapping[str, Sequence[EpochLine]] | None = None,
    samples: Mapping[str, Sequence[Sample]] | None = None,
    data: DataReport | None = None,
    failed: Mapping[str, str] | None = None,
    circumstances: Sequence[Caution] = (),
) -> Verdict:
    """Rank the contestants by their first metric and compare the best with each of the others.

    Every comparison is paired: both contestants were evaluated on the same test documents, and only differences between
    them count. The p-values are corrected for the number of comparisons (Holm 1979).

    Args:
        results: The finished contestants in the order of the config, at least one, all of the same task; means where
            there are several seeds.
        scores: scores.parquet of each contestant by name, one per seed.
        confidence: Level of the intervals of the differences, e.g. 0.95.
        epochs: Evaluations during training by name, of the first seed; they tell who leads under a time limit.
        samples: Generated texts by name, of the first seed; they tell whose texts are the most diverse.
        data: The data report: leaks between the splits, and the rule of a split that is neither random nor given.
        failed: Contestants without a result, and why.
        circumstances: Further cautions.

    Raises:
        ValueError: Two contestants were not evaluated on the same documents.
    """
    best, *others = ranking(results)
    draws = Draws(confidence, resamples, seed)
    candidates = (_compare(best, other, scores, draws) for other in others)
    comparisons = _corrected([comparison for comparison in candidates if comparison], confidence)
    limit, texts = time_limit(results, epochs or {}), text_averages(samples or {})
    recommended = recommend(best, others, comparisons)
    found = [*cautions(best, others, comparisons, data, epochs, failed), *circumstances]
    main, *more = sorted(found, key=lambda caution: caution.concern)
    summary = [
        winner_line(best, others, comparisons, confidence),
        *([recommendation_line(best, recommended, others, comparisons)] if others else []),
        f"Caution: {main.sentence}",
    ]
    words = sentences(best, others, comparisons, confidence=confidence, limit=limit, texts=texts)
    return Verdict(
        best=best.name,
        recommended=recommended.name if others else None,
        rule=RULE if others else "",
        summary=summary,
        sentences=[*summary, *words, *(caution.sentence for caution in more)],
        comparisons=comparisons,
        ranks=ranks([best, *others], scores, draws) if others else [],
        failed=dict(failed or {}),
        time_limit=limit,
        fronts=fronts(results),
        texts=texts,
    )


def _corrected(comparisons: Sequence[Comparison], confidence: float) -> list[Comparison]:
    """Correct the p-values for their number; two contestants are then told apart if interval and p-value agree."""
    corrected = holm([comparison.p_value or 0.0 for comparison in comparisons])
    return [
        comparison.model_copy(
            update={
                "corrected_p_value": p_value,
                "distinguishable": comparison.distinguishable and p_value < 1 - confidence,
            }
        )
        for comparison, p_value in zip(comparisons, corrected, strict=True)
    ]


def _compare(
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
        raise ValueError(f"{better.name} and {worse.name} {error}") from None
    if paired is None:
        return None
    low, high = paired.interval
    return Comparison(
        better=better.name,
        worse=worse.name,
        metric=protocol_name(deciding.protocol),
        difference=paired.difference,
        low=low,
        high=high,
        p_value=larger_p_value(paired.p_value, deciding.folds),
        test=metric.paired.test,
        distinguishable=not low <= 0 <= high,
    )
