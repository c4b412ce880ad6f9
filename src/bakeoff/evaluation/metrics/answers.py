"""Metrics of generated answers: values, intervals and paired comparisons.

Each takes the name of the metric first, which is a column of scores.parquet.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pyarrow as pa

from bakeoff.evaluation.answers import Values
from bakeoff.evaluation.intervals import Interval, bootstrap_ratio, mcnemar, paired_bootstrap_ratio, wilson
from bakeoff.evaluation.metrics.base import Draws, Paired
from bakeoff.evaluation.pairing import Units, UnpairedScoresError, scores_under


def mean(name: str, values: Values) -> float:
    return float(values[name].mean())


def share_interval(name: str, values: Values, draws: Draws) -> Interval:
    return wilson(int(values[name].sum()), values[name].size, draws.confidence)


def mean_interval(name: str, values: Values, draws: Draws) -> Interval | None:
    return bootstrap_ratio(values[name], np.ones(values[name].size), **asdict(draws))


def units(name: str, scores: pa.Table, protocol: str) -> Units:
    rows = scores_under(scores, protocol).sort_by("document")
    values = rows[name].to_numpy().astype(np.float64)
    return Units("answer", [(document,) for document in rows["document"].to_pylist()], values, np.ones(len(values)))


def compare(name: str, better: pa.Table, worse: pa.Table, protocol: str, draws: Draws) -> Paired | None:
    """Compare the means, paired by prompt; the test of exact match is McNemar's."""
    a, b = units(name, better, protocol), units(name, worse, protocol)
    if a.names != b.names:
        raise UnpairedScoresError("did not answer the same prompts")
    found = paired_bootstrap_ratio(a.values, b.values, a.weights, **asdict(draws))
    if found is None:
        return None
    p_value = mcnemar(a.values, b.values) if name == "exact_match" else found[1]
    return Paired(float((a.values - b.values).mean()), found[0], p_value)
