"""Who won, and is it more than luck? The comparisons behind the answer; `sentences.py` puts them into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from bakeoff.evaluation.classification import macro_f1, macro_f1_of_counts
from bakeoff.evaluation.intervals import Interval, mcnemar, paired_bootstrap_metric, paired_bootstrap_ratio
from bakeoff.evaluation.limits import limits
from bakeoff.evaluation.pairing import answers, loss_units, protocol_name
from bakeoff.evaluation.pareto import fronts
from bakeoff.evaluation.repeats import compare_over_seeds
from bakeoff.evaluation.sentences import sentences
from bakeoff.evaluation.text_statistics import text_averages
from bakeoff.evaluation.time_limit import time_limit
from bakeoff.runs.results import Comparison, ContestantResult, EpochLine, Sample, Verdict


def ranking(results: Sequence[ContestantResult]) -> list[ContestantResult]:
    """Best first, by the first metric of each; equal metrics keep the order of the config."""
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
) -> Verdict:
    """Rank the contestants by their first metric and compare the best with each of the others.

    Every comparison is paired: both contestants were evaluated on the same test documents, and only differences between
    them count.

    Args:
        results: The finished contestants in the order of the config, at least one, all of the same task; means where
            there are several seeds.
        scores: scores.parquet of each contestant by name, one a seed.
        confidence: Level of the intervals of the differences, e.g. 0.95.
        epochs: Evaluations while training by name, of the first seed: who leads under a time limit.
        samples: Generated texts by name, of the first seed: whose are the most diverse.

    Raises:
        ValueError: Two contestants were not evaluated on the same documents.
    """
    best, *others = ranking(results)
    comparisons = []
    for other in others:
        comparison = compare(best, other, scores, confidence=confidence, resamples=resamples, seed=seed)
        if comparison is not None:
            comparisons.append(comparison)
    limit, texts = time_limit(results, epochs or {}), text_averages(samples or {})
    words = sentences(best, others, comparisons, confidence=confidence, limit=limit, texts=texts)
    return Verdict(
        best=best.name,
        sentences=words + limits(best, others, comparisons),
        comparisons=comparisons,
        time_limit=limit,
        fronts=fronts(results),
        texts=texts,
    )


def compare(
    better: ContestantResult,
    worse: ContestantResult,
    scores: Mapping[str, Sequence[pa.Table]],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> Comparison | None:
    """`better` minus `worse` on the same documents; None where a single unit of text leaves nothing to draw from."""
    if len(scores[better.name]) > 1 or len(scores[worse.name]) > 1:
        return compare_over_seeds(better, worse, scores[better.name], scores[worse.name], confidence=confidence)
    draws = {"confidence": confidence, "resamples": resamples, "seed": seed}
    compare_scores = _compare_classifiers if better.task == "classification" else _compare_language_models
    return compare_scores(better, worse, scores[better.name][0], scores[worse.name][0], draws)


def _compare_classifiers(
    better: ContestantResult, worse: ContestantResult, scores_a: pa.Table, scores_b: pa.Table, draws: dict[str, Any]
) -> Comparison | None:
    a, b = answers(scores_a), answers(scores_b)
    if a.names != b.names or a.labels != b.labels:
        raise ValueError(f"{better.name} and {worse.name} were not evaluated on the same documents")
    ends: Interval | None
    if better.metrics[0].name == "macro_f1":
        classes = {label: number for number, label in enumerate(sorted({*a.labels, *a.predictions, *b.predictions}))}
        labels, guesses_a, guesses_b = (
            [classes[label] for label in side] for side in (a.labels, a.predictions, b.predictions)
        )
        ends = paired_bootstrap_metric(labels, guesses_a, guesses_b, macro_f1_of_counts, **draws)
        difference = macro_f1(labels, guesses_a) - macro_f1(labels, guesses_b)
        return _comparison(better, worse, "macro_f1", difference, ends)
    ends = paired_bootstrap_ratio(a.right, b.right, np.ones(len(a.names)), **draws)
    difference = float(a.right.mean() - b.right.mean())
    return _comparison(better, worse, "accuracy", difference, ends, mcnemar(a.right, b.right))


def _compare_language_models(
    better: ContestantResult, worse: ContestantResult, scores_a: pa.Table, scores_b: pa.Table, draws: dict[str, Any]
) -> Comparison | None:
    protocol = better.metrics[0].protocol
    a, b = loss_units(scores_a, protocol), loss_units(scores_b, protocol)
    if not np.array_equal(a.weights, b.weights):
        raise ValueError(f"{better.name} and {worse.name} do not count the same tokens")
    if a.names != b.names:
        raise ValueError(f"{better.name} and {worse.name} were not evaluated on the same documents")
    ends = paired_bootstrap_ratio(a.values, b.values, a.weights, **draws)
    difference = float((a.values - b.values).sum() / a.weights.sum())
    return _comparison(better, worse, protocol_name(protocol), difference, ends)


def _comparison(
    better: ContestantResult,
    worse: ContestantResult,
    metric: str,
    difference: float,
    ends: Interval | None,
    p_value: float | None = None,
) -> Comparison | None:
    if ends is None:
        return None
    return Comparison(
        better=better.name,
        worse=worse.name,
        metric=metric,
        difference=difference,
        low=ends[0],
        high=ends[1],
        p_value=p_value,
        distinguishable=not ends[0] <= 0 <= ends[1],
    )
