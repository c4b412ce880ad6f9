"""Who won, and is it more than luck? The comparisons behind the answer; `sentences.py` puts them into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from bakeoff.judge.intervals import mcnemar, paired_bootstrap_ratio
from bakeoff.judge.pairing import answers, loss_units, protocol_name
from bakeoff.judge.sentences import sentences
from bakeoff.runs.results import Comparison, ContestantResult, Verdict


def ranking(results: Sequence[ContestantResult]) -> list[ContestantResult]:
    """Best first, by the first figure of each; equal figures keep the order of the spec."""
    sign = -1 if results[0].figures[0].higher_is_better else 1
    return sorted(results, key=lambda result: sign * result.figures[0].value)


def decide(
    results: Sequence[ContestantResult],
    scores: Mapping[str, pa.Table],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> Verdict:
    """Rank the contestants by their first figure and compare the best with each of the others.

    Every comparison is paired: both contestants were judged on the same test documents, and only differences between
    them count.

    Args:
        results: The finished contestants in the order of the spec, at least one, all of the same task.
        scores: scores.parquet of each contestant by name.
        confidence: Level of the intervals of the differences, e.g. 0.95.

    Raises:
        ValueError: Two contestants were not judged on the same documents.
    """
    best, *others = ranking(results)
    comparisons = []
    for other in others:
        comparison = compare(best, other, scores, confidence=confidence, resamples=resamples, seed=seed)
        if comparison is not None:
            comparisons.append(comparison)
    return Verdict(
        best=best.name,
        sentences=sentences(best, others, comparisons, confidence=confidence),
        comparisons=comparisons,
    )


def compare(
    better: ContestantResult,
    worse: ContestantResult,
    scores: Mapping[str, pa.Table],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> Comparison | None:
    """`better` minus `worse` on the same documents; None where a single unit of text leaves nothing to draw from."""
    p_value: float | None
    if better.task == "classification":
        names, right_a = answers(scores[better.name])
        other_names, right_b = answers(scores[worse.name])
        a, b, weights = right_a.astype(np.float64), right_b.astype(np.float64), np.ones(len(names))
        figure, p_value = "accuracy", mcnemar(right_a, right_b) if names == other_names else None
    else:
        protocol = better.figures[0].protocol
        units, other_units = (loss_units(scores[result.name], protocol) for result in (better, worse))
        names, other_names = [".".join(name) for name in units.names], [".".join(name) for name in other_units.names]
        a, b, weights = units.nats, other_units.nats, units.weights
        figure, p_value = protocol_name(protocol), None
        if not np.array_equal(weights, other_units.weights):
            raise ValueError(f"{better.name} and {worse.name} do not count the same tokens")
    if names != other_names:
        raise ValueError(f"{better.name} and {worse.name} were not judged on the same documents")
    ends = paired_bootstrap_ratio(a, b, weights, confidence=confidence, resamples=resamples, seed=seed)
    if ends is None:
        return None
    return Comparison(
        better=better.name,
        worse=worse.name,
        figure=figure,
        difference=float((a - b).sum() / weights.sum()),
        low=ends[0],
        high=ends[1],
        p_value=p_value,
        distinguishable=not ends[0] <= 0 <= ends[1],
    )
