"""Metrics of a language model: intervals and paired comparisons.

Their values are part of every perplexity measurement (`bakeoff.lm.perplexity`).
"""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pyarrow as pa

from bakeoff.evaluation.intervals import Interval, paired_bootstrap_ratio
from bakeoff.evaluation.metrics.base import CorpusLoss, Draws, Paired
from bakeoff.evaluation.pairing import UnpairedScoresError, loss_units


def perplexity_interval(loss: CorpusLoss, _: Draws) -> Interval | None:
    """Return the interval that came with the measurement."""
    return None if math.isnan(loss.interval[0]) else loss.interval


def compare_losses(better: pa.Table, worse: pa.Table, protocol: str, draws: Draws) -> Paired | None:
    """Compare losses in nats per token, paired by document."""
    a, b = loss_units(better, protocol), loss_units(worse, protocol)
    if not np.array_equal(a.weights, b.weights):
        raise UnpairedScoresError("do not count the same tokens")
    if a.names != b.names:
        raise UnpairedScoresError("were not evaluated on the same documents")
    found = paired_bootstrap_ratio(a.values, b.values, a.weights, **asdict(draws))
    return found and Paired(float((a.values - b.values).sum() / a.weights.sum()), *found)
