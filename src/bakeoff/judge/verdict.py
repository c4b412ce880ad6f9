"""Who won, and is it more than luck? The comparisons behind the answer; `sentences.py` puts them into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from bakeoff.judge.intervals import crossed_interval, mcnemar, paired_bootstrap_ratio
from bakeoff.judge.limits import limits
from bakeoff.judge.pairing import Units, figure_units, protocol_name
from bakeoff.judge.pareto import fronts
from bakeoff.judge.sentences import sentences
from bakeoff.judge.text_statistics import text_averages
from bakeoff.judge.time_limit import time_limit
from bakeoff.runs.results import Comparison, ContestantResult, EpochLine, Figure, Sample, Verdict


def ranking(results: Sequence[ContestantResult]) -> list[ContestantResult]:
    """Best first, by the first figure of each; equal figures keep the order of the spec."""
    sign = -1 if results[0].figures[0].higher_is_better else 1
    return sorted(results, key=lambda result: sign * result.figures[0].value)


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
    """Rank the contestants by their first figure and compare the best with each of the others.

    Every comparison is paired: both contestants were judged on the same test documents, and only differences between
    them count.

    Args:
        results: The finished contestants in the order of the spec, at least one, all of the same task; means where
            there are several seeds.
        scores: scores.parquet of each contestant by name, one a seed.
        confidence: Level of the intervals of the differences, e.g. 0.95.
        epochs: Evaluations while training by name, of the first seed: who leads under a time limit.
        samples: Generated texts by name, of the first seed: whose are the most diverse.

    Raises:
        ValueError: Two contestants were not judged on the same documents.
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
    """`better` minus `worse` on the same documents; None where a single unit of text leaves nothing to draw from.

    With several seeds the difference is paired by seed, too; who was trained once stands against every seed.
    """
    deciding = better.figures[0]
    a, b = (_units(scores[result.name], deciding) for result in (better, worse))
    if a[0].names != b[0].names:
        raise ValueError(f"{better.name} and {worse.name} were not judged on the same documents")
    weights = a[0].weights
    if not np.array_equal(weights, b[0].weights):
        raise ValueError(f"{better.name} and {worse.name} do not count the same tokens")
    seeds = max(len(a), len(b))
    if {len(a), len(b)} - {1, seeds}:
        raise ValueError(f"{better.name} and {worse.name} were not trained with the same number of seeds")
    values_a, values_b = np.stack([units.values for units in a]), np.stack([units.values for units in b])
    differences = values_a - values_b  # shape (seeds, units)
    if seeds > 1:
        ends = crossed_interval(differences, weights, confidence=confidence)
    else:
        ends = paired_bootstrap_ratio(
            values_a[0], values_b[0], weights, confidence=confidence, resamples=resamples, seed=seed
        )
    if ends is None:
        return None
    by_seed = differences.sum(axis=1) / weights.sum()
    classified = better.task == "classification"
    return Comparison(
        better=better.name,
        worse=worse.name,
        figure="accuracy" if classified else protocol_name(deciding.protocol),
        difference=float(by_seed.mean()),
        low=ends[0],
        high=ends[1],
        p_value=mcnemar(values_a[0], values_b[0]) if classified and seeds == 1 else None,
        distinguishable=not ends[0] <= 0 <= ends[1],
        by_seed=by_seed.tolist() if seeds > 1 else [],
    )


def _units(scores: Sequence[pa.Table], figure: Figure) -> list[Units]:
    """The units of the deciding figure with each seed."""
    found = [figure_units(table, figure) for table in scores]
    return [units for units in found if units is not None]
