"""Temperature scaling and calibration error: how far a classifier's probabilities can be trusted.

`docs/explanation/calibration.md` says why this method, and what the metrics mean.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax, softmax

from bakeoff.evaluation.bins import CALIBRATION_BINS as BINS
from bakeoff.runs.results import ReliabilityBin

if TYPE_CHECKING:
    from bakeoff.evaluation.intervals import Interval

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.1, 10.0


def fit_temperature(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Find the temperature of the lowest cross-entropy (Guo et al. 2017, *On calibration of modern neural networks*).

    Texts whose label has a probability of 0 are left out. It stays 0 at every temperature, so they say nothing about
    it, and the logit of a single 0, which is that of the smallest number there is, would outweigh all other texts.

    Args:
        labels: Class indices, shape (texts,), of texts that the classifier was not trained on.
        probabilities: Uncalibrated, shape (texts, classes), rows add up to 1.

    Returns:
        A temperature between `LOWEST_TEMPERATURE` and `HIGHEST_TEMPERATURE`. 1, which changes nothing, where every text
        is classified correctly: the cross-entropy then keeps falling with the temperature.
    """
    truth, rows = np.asarray(labels, dtype=np.int64), np.asarray(probabilities, dtype=np.float64)
    possible = np.take_along_axis(rows, truth[:, None], axis=1)[:, 0] > 0
    truth, logits = truth[possible], logits_of(rows[possible])
    if truth.size == 0 or (logits.argmax(axis=1) == truth).all():
        return 1.0

    def loss(log_temperature: float) -> float:
        logs = log_softmax(logits / math.exp(log_temperature), axis=1)
        return -float(np.take_along_axis(logs, truth[:, None], axis=1).mean())

    from scipy.optimize import minimize_scalar  # here, because `bakeoff predict` has no use for it

    bounds = (math.log(LOWEST_TEMPERATURE), math.log(HIGHEST_TEMPERATURE))
    minimum = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return math.exp(minimum.x)


def with_temperature(probabilities: npt.ArrayLike, temperature: float) -> Floats:
    """Apply a temperature: softmax(logits / temperature). The most probable label of each text stays the same.

    Args:
        probabilities: Shape (texts, classes), rows add up to 1; their logarithms serve as logits.
    """
    before = np.asarray(probabilities, dtype=np.float64)
    if temperature == 1.0:
        return before
    after: Floats = softmax(logits_of(before) / temperature, axis=1)
    # Two probabilities that differed in their last bit may be equal now: keep the label.
    labels, highest = before.argmax(axis=1), after.max(axis=1)
    tied = np.flatnonzero(after.argmax(axis=1) != labels)
    after[tied, labels[tied]] = np.nextafter(highest[tied], 2.0)
    return after


def logits_of(probabilities: npt.ArrayLike, lowest: float = sys.float_info.min) -> Floats:
    """Return logits, up to a constant for each text that softmax ignores. Lower probabilities count as `lowest`."""
    logs: Floats = np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), lowest))
    return logs


def calibration_error(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Return the expected calibration error (Guo et al. 2017).

    The texts are put into 15 bins of equal width by the probability of their predicted label. The error is the distance
    between a bin's mean probability and its accuracy, averaged over the texts.

    Args:
        labels: Class indices, shape (texts,).
        probabilities: Shape (texts, classes).
    """
    gaps, bins = _gaps(labels, probabilities)
    return float(np.abs(np.bincount(bins, weights=gaps, minlength=BINS)).sum() / gaps.size)


def calibration_error_interval(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, *, confidence: float, resamples: int, seed: int
) -> Interval:
    """Return a bootstrap interval over texts of the expected calibration error.

    The error is a sum of distances, which chance can only make larger, in the sample and once more in every resample.
    Percentiles are therefore too high (near perfect calibration they never hold the truth). So only the resamples'
    spread is used: downwards they are reflected at the sample's value (the basic bootstrap of Davison and Hinkley
    1997), to 0 where perfect calibration would by chance show as much; upwards the distance from their median to the
    upper percentile is added. `docs/explanation/calibration.md` says how often this holds the truth.
    """
    from bakeoff.evaluation.intervals import resampled_rows  # here: it loads scipy.stats

    gaps, bins = _gaps(labels, probabilities)
    value = calibration_error(labels, probabilities)
    resampled = []
    for drawn in resampled_rows(gaps.size, resamples, seed):
        cells = bins[drawn] + BINS * np.arange(len(drawn))[:, None]
        sums = np.bincount(cells.ravel(), weights=gaps[drawn].ravel(), minlength=BINS * len(drawn))
        resampled.append(np.abs(sums.reshape(-1, BINS)).sum(axis=1) / gaps.size)
    by_chance = np.abs(
        np.random.default_rng(seed).normal(0, _chance_deviations(probabilities), size=(resamples, BINS))
    ).sum(axis=1)
    return reflected_interval(value, np.concatenate(resampled), by_chance, confidence)


def reflected_interval(value: float, resampled: Floats, by_chance: Floats, confidence: float) -> Interval:
    """Return the interval that `calibration_error_interval` explains.

    Args:
        value: The error of the sample.
        resampled: Errors of resamples.
        by_chance: Errors that perfect calibration would show.
    """
    tail = (1 - confidence) / 2
    middle, highest = map(float, np.quantile(resampled, [0.5, 1 - tail]))
    beyond_chance = value > np.quantile(by_chance, 1 - tail)
    low = min(max(2 * value - highest, 0.0), value) if beyond_chance else 0.0
    return low, value + highest - middle


def chance_error(probabilities: npt.ArrayLike) -> float:
    """Return the average expected calibration error of perfectly calibrated probabilities on this number of texts.

    The number of right answers in a bin is then what its probabilities say, give or take a normal deviation.
    """
    return float(math.sqrt(2 / math.pi) * _chance_deviations(probabilities).sum())


def _chance_deviations(probabilities: npt.ArrayLike) -> Floats:
    """Return the standard deviation of each bin's part of the error under perfect calibration, shape (BINS,)."""
    top = np.asarray(probabilities, dtype=np.float64).max(axis=1)
    variances = np.bincount(_bins(top), weights=top * (1 - top), minlength=BINS)
    deviations: Floats = np.sqrt(np.maximum(variances, 0)) / top.size
    return deviations


def reliability(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> list[ReliabilityBin]:
    """Return the bins behind the expected calibration error, without empty ones."""
    rows = np.asarray(probabilities, dtype=np.float64)
    top, right = rows.max(axis=1), rows.argmax(axis=1) == np.asarray(labels)
    bins = _bins(top)
    return [
        ReliabilityBin(
            low=index / BINS,
            high=(index + 1) / BINS,
            texts=int(inside.sum()),
            confidence=float(top[inside].mean()),
            accuracy=float(right[inside].mean()),
        )
        for index in range(BINS)
        if (inside := bins == index).any()
    ]


def _gaps(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> tuple[Floats, Integers]:
    """Return for each text whether it is right (1 or 0) minus the probability of its label, and its bin."""
    rows = np.asarray(probabilities, dtype=np.float64)
    top = rows.max(axis=1)
    return (rows.argmax(axis=1) == np.asarray(labels)) - top, _bins(top)


def _bins(top: Floats) -> Integers:
    """Return the bin of each probability; bin m holds (m / BINS, (m + 1) / BINS]."""
    bins: Integers = np.clip(np.ceil(top * BINS) - 1, 0, BINS - 1).astype(np.int64)
    return bins
