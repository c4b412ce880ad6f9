"""Temperature scaling and calibration error of each label, where a text can have several.

A label's probability is that of a yes-or-no question, so its logit is divided by the label's own temperature. All
arrays have the shape (texts, labels).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.special import expit, logit

from bakeoff.evaluation.bins import CALIBRATION_BINS as BINS
from bakeoff.evaluation.calibration import fit_temperature, reflected_interval
from bakeoff.evaluation.thresholds import COMMON_TEXTS
from bakeoff.runs.results import ReliabilityBin

if TYPE_CHECKING:
    from bakeoff.evaluation.intervals import Interval

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_SURE = 1e-15  # probabilities are clipped to this distance from 0 and 1, so that their logits are finite


def fit_temperatures(truth: Bools, probabilities: Floats) -> list[float]:
    """Return the temperature of each label (Guo et al. 2017), from texts that the classifier was not trained on.

    It is averaged with the temperature of all labels together, as thresholds are: the fewer texts have the label, or
    lack it, the more of the common one.
    """
    common = math.log(_temperature(truth.ravel(), probabilities.ravel()))
    own = np.log([_temperature(truth[:, label], probabilities[:, label]) for label in range(truth.shape[1])])
    texts = np.minimum(truth.sum(axis=0), (~truth).sum(axis=0))
    averaged: list[float] = np.exp((texts * own + COMMON_TEXTS * common) / (texts + COMMON_TEXTS)).tolist()
    return averaged


def _temperature(truth: Bools, probabilities: Floats) -> float:
    return fit_temperature(truth.astype(np.int64), np.stack([1 - probabilities, probabilities], axis=1))


def with_temperatures(probabilities: Floats, temperatures: Sequence[float]) -> Floats:
    """Divide the logits of each label by its temperature."""
    if all(temperature == 1.0 for temperature in temperatures):
        return probabilities
    after: Floats = expit(logit(np.clip(probabilities, _SURE, 1 - _SURE)) / np.asarray(temperatures))
    return after


def label_calibration_errors(truth: Bools, probabilities: Floats) -> Floats:
    """Return the expected calibration error of each label, shape (labels,).

    The texts are put into 15 bins of equal width by the probability of the label. The error is the distance between a
    bin's mean probability and the share of its texts that have the label, averaged over the texts.
    """
    return _errors(np.asarray(_gaps(truth, probabilities).sum(axis=0)).ravel(), truth.shape[1], len(truth))


def calibration_error(truth: Bools, probabilities: Floats) -> float:
    """Return the mean over the labels of their calibration error (classwise ECE, Kull et al. 2019)."""
    return float(label_calibration_errors(truth, probabilities).mean())


def calibration_error_interval(
    truth: Bools, probabilities: Floats, *, confidence: float, resamples: int, seed: int
) -> Interval:
    """Return a bootstrap interval over texts of `calibration_error`, as `calibration.calibration_error_interval`."""
    gaps, labels = _gaps(truth, probabilities), truth.shape[1]
    resampled = np.concatenate(
        [_errors(sums, labels, len(truth)).mean(axis=1) for sums in _resampled_sums(gaps, resamples, seed)]
    )
    deviations = _chance_deviations(probabilities)
    random = np.random.default_rng(seed)
    by_chance = [np.abs(random.normal(0, deviations)).sum() / labels for _ in range(resamples)]
    return reflected_interval(calibration_error(truth, probabilities), resampled, np.array(by_chance), confidence)


def chance_error(probabilities: Floats) -> float:
    """Return the average `calibration_error` of perfectly calibrated probabilities on this number of texts."""
    return float(math.sqrt(2 / math.pi) * _chance_deviations(probabilities).sum() / probabilities.shape[1])


def label_reliability(truth: Bools, probabilities: Floats) -> list[ReliabilityBin]:
    """Return bins of all labels together, by probability, without empty ones; `texts` counts labels of texts."""
    bins, had = _bins(probabilities).ravel(), truth.ravel()
    given = probabilities.ravel()
    return [
        ReliabilityBin(
            low=index / BINS,
            high=(index + 1) / BINS,
            texts=int(inside.sum()),
            confidence=float(given[inside].mean()),
            accuracy=float(had[inside].mean()),
        )
        for index in range(BINS)
        if (inside := bins == index).any()
    ]


def _bins(probabilities: Floats) -> npt.NDArray[np.int64]:
    bins: npt.NDArray[np.int64] = np.clip(np.ceil(probabilities * BINS) - 1, 0, BINS - 1).astype(np.int64)
    return bins


def _gaps(truth: Bools, probabilities: Floats) -> csr_matrix:
    """Return whether each text has a label minus its probability, in the bin's column, shape (texts, labels * 15)."""
    texts, labels = truth.shape
    columns = _bins(probabilities) + BINS * np.arange(labels)
    offsets = np.arange(0, texts * labels + 1, labels)
    return csr_matrix(((truth - probabilities).ravel(), columns.ravel(), offsets), shape=(texts, labels * BINS))


def _errors(sums: Floats, labels: int, texts: int) -> Floats:
    """Return the error of each label, shape (..., labels), from summed gaps, shape (..., labels * 15)."""
    return np.asarray(np.abs(sums.reshape(*sums.shape[:-1], labels, BINS)).sum(axis=-1) / texts)


def _resampled_sums(gaps: csr_matrix, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield the summed gaps of resampled texts, in chunks of shape (some of the resamples, labels * 15)."""
    from bakeoff.evaluation.intervals import resample_counts  # here: it loads scipy.stats

    for counts in resample_counts(np.ones(gaps.shape[0]), resamples, seed):
        yield np.asarray((gaps.T @ counts.T).T)


def _chance_deviations(probabilities: Floats) -> Floats:
    """Return the standard deviation of each bin's part of a label's error under perfect calibration, (labels, 15)."""
    texts, labels = probabilities.shape
    cells = _bins(probabilities) + BINS * np.arange(labels)
    spread = (probabilities * (1 - probabilities)).ravel()
    variances = np.bincount(cells.ravel(), weights=spread, minlength=labels * BINS)
    return np.asarray(np.sqrt(np.maximum(variances, 0)).reshape(labels, BINS) / texts)
