"""Extrapolate a learning curve by a power law, with everything that is not known about it in the interval.

Errors fall with the training rows as a power law above a limit, a + b * rows ** -c (Hestness et al. 2017, *Deep
learning scaling is predictable, empirically*; of parametric curves it fits best, Viering and Loog 2022, *The shape of
learning curves*). Three or four points do not determine its three parameters, least of all how near the limit is.
Instead of one fit, all curves that agree with the points are averaged, each by how well it agrees (a Bayesian average
on a grid). Its priors are wide; `benchmarks/curve_coverage.py` holds its intervals against the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]

# A curve, relative to its value at the last point: 1 + slope * ((rows / last rows) ** -bend - 1) / bend.
# The slope is that of the logarithms at the last point. A bend of 0 is a line over the logarithm of the rows; with
# bends below the slope the limit is below 0, so such a curve must slow down later, but it may fit up to twice the rows.
_SLOPES = np.linspace(-0.05, 1, 22)
_BENDS = np.linspace(-1, 1, 11)
_SLOPE_WEIGHTS = np.exp(-np.maximum(_SLOPES, 0) / 0.3)
_BEND_WEIGHTS = stats.norm.pdf(_BENDS, 0.4, 0.4)

# Another draw of as many rows, or another seed, gives another model. The standard deviation of its error is this noise
# times the error / the root of its rows, which also allows the curve to differ from a power law where rows are few.
TYPICAL_NOISE = 0.7
_NOISES = np.geomspace(0.15, 4.8, 6)
_NOISE_WEIGHTS = stats.norm.pdf(np.log(_NOISES), np.log(TYPICAL_NOISE), 0.8)

_NEGLIGIBLE = 1e-6  # weight of a curve / that of the best


@dataclass(frozen=True)
class Extrapolation:
    """The error of a training on more rows."""

    error: float
    interval: Interval  # holds the error on texts like those that were tested
    measured: Interval  # holds the error on the very texts that were tested
    slope: float  # of the logarithm of the error over that of the rows, at the last point


@dataclass(frozen=True)
class _Mixture:
    """Normal distributions of the error, a weight, mean and variance for each curve and noise."""

    weights: Floats
    means: Floats
    variances: Floats

    def mean(self) -> float:
        return float(self.weights @ self.means)

    def interval(self, confidence: float) -> Interval:
        center = self.mean()
        spread = float(np.sqrt(self.weights @ (self.variances + (self.means - center) ** 2)))
        at = center + spread * np.linspace(-6, 6, 241)
        below = self.weights @ stats.norm.cdf((at - self.means[:, None]) / np.sqrt(self.variances)[:, None])
        low, high = np.interp([(1 - confidence) / 2, (1 + confidence) / 2], below, at)
        return float(low), float(high)


def extrapolate(
    rows: Sequence[int],
    errors: npt.ArrayLike,
    covariance: npt.ArrayLike,
    change: float,
    target: int,
    *,
    confidence: float,
) -> Extrapolation:
    """Return the error to expect from a training on `target` rows.

    Args:
        rows: Training rows of each point in ascending order, at least two.
        errors: What is missing to a perfect result at each point, above 0, shape (points,).
        covariance: Of the errors, from the choice of the test texts, shape (points, points). All points were tested on
            the same texts, so that texts that are hard for one are hard for all.
        change: Variance, from the choice of the test texts, of the difference between two trainings.
        target: More rows than the last point has.
    """
    measured, noise = np.asarray(errors, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    relative = np.asarray(rows, dtype=np.float64) / rows[-1]
    shapes, shape_ahead = _shapes(relative), _shapes(np.array([target / rows[-1]]))[:, 0]
    prior = (np.log(_SLOPE_WEIGHTS)[:, None] + np.log(_BEND_WEIGHTS)[None]).ravel()
    scores: list[Floats] = []
    means: tuple[list[Floats], list[Floats]] = ([], [])
    variances: tuple[list[Floats], list[Floats]] = ([], [])
    for size, weight in zip(_NOISES, _NOISE_WEIGHTS, strict=True):
        of_training = (size * measured) ** 2 / np.asarray(rows)
        inverse = np.linalg.inv(noise + np.diag(of_training + 1e-12))
        # The level of the curve is known from the points alone (a flat prior): a normal distribution for each shape.
        solved = shapes @ inverse
        precision = (solved * shapes).sum(axis=1)
        level = solved @ measured / precision
        residuals = measured - level[:, None] * shapes
        fit = ((residuals @ inverse) * residuals).sum(axis=1)
        scores.append(prior + np.log(weight) - (fit + np.log(precision) - np.linalg.slogdet(inverse)[1]) / 2)
        next_training = (size * measured[-1]) ** 2 / target
        # On other texts the errors of measurement are others; on the same ones they are about those of the last point.
        for index, (shared, own) in enumerate(
            [(np.zeros(len(rows)), next_training), (noise[-1], next_training + noise[-1, -1] + change)]
        ):
            pull = shared @ inverse
            means[index].append(level * shape_ahead + residuals @ pull)
            variances[index].append(own - pull @ shared + (shape_ahead - shapes @ pull) ** 2 / precision)
    together = np.concatenate(scores)
    weights = np.exp(together - together.max())
    kept = weights > _NEGLIGIBLE
    weights = weights[kept] / weights[kept].sum()
    elsewhere, here = (
        _Mixture(weights, np.concatenate(each)[kept], np.maximum(np.concatenate(spread)[kept], 1e-18))
        for each, spread in zip(means, variances, strict=True)
    )
    slopes = np.tile(np.repeat(_SLOPES, len(_BENDS)), len(_NOISES))[kept]
    return Extrapolation(
        elsewhere.mean(), elsewhere.interval(confidence), here.interval(confidence), float(weights @ slopes)
    )


def _shapes(relative: Floats) -> Floats:
    """Return every curve of the grid at these rows / the last rows, shape (curves, rows)."""
    bends = np.where(_BENDS == 0, 1e-9, _BENDS)[None, :, None]
    curves = 1 + _SLOPES[:, None, None] * (relative**-bends - 1) / bends
    return np.asarray(curves.reshape(-1, len(relative)), dtype=np.float64)
