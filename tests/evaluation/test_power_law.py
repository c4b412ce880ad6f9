"""Forecasts of learning curves: their limits are known, and their intervals hold what then happens."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import curve_fit

from bakeoff.evaluation.power_law import extrapolate

ROWS = [400, 1200, 4000]


def law(rows: np.ndarray | list[int], scale: float, exponent: float, limit: float) -> np.ndarray:
    return limit + scale * np.asarray(rows, dtype=float) ** -exponent


@pytest.mark.parametrize(("exponent", "limit"), [(0.5, 0.1), (0.3, 0.0), (0.2, 0.05)])
def test_without_noise_the_forecast_is_that_of_a_fitted_power_law(exponent: float, limit: float) -> None:
    rows = [250, 500, 1000, 2000, 4000]
    errors = law(rows, 2.0, exponent, limit)
    found = extrapolate(rows, errors, np.zeros((5, 5)), 0.0, 8000, confidence=0.95)
    fitted, _ = curve_fit(law, rows, errors, p0=(1.0, 0.4, 0.01), maxfev=10_000)
    assert found.error == pytest.approx(law([8000], *fitted)[0], rel=0.02)
    slope = exponent * (errors[-1] - limit) / errors[-1]
    assert found.slope == pytest.approx(slope, abs=0.05)
    assert found.interval[0] < found.error < found.interval[1]


def test_what_is_the_same_for_all_points_does_not_blur_the_change() -> None:
    """Hard test texts move all points together: the interval of the same texts is narrower, that of others is not."""
    errors = law(ROWS, 2.0, 0.4, 0.1)
    alike = extrapolate(ROWS, errors, np.full((3, 3), 0.02**2), 0.0, 8000, confidence=0.95)
    apart = extrapolate(ROWS, errors, np.eye(3) * 0.02**2, 0.02**2, 8000, confidence=0.95)

    def width(interval: tuple[float, float]) -> float:
        return interval[1] - interval[0]

    assert width(alike.measured) < 0.6 * width(alike.interval)
    assert width(apart.measured) > 1.3 * width(alike.measured)


def test_more_noise_and_more_rows_ahead_give_wider_intervals() -> None:
    errors = law(ROWS, 2.0, 0.4, 0.1)
    widths = []
    for noise, target in [(0.001, 5000), (0.001, 8000), (0.01, 8000), (0.01, 16000)]:
        low, high = extrapolate(ROWS, errors, np.eye(3) * noise**2, 2 * noise**2, target, confidence=0.95).interval
        widths.append(high - low)
    assert widths == sorted(widths)


def test_the_interval_holds_what_then_happens() -> None:
    """Many learners, each with a curve, a noise of training and test texts of its own, on all of which they depend."""
    random = np.random.default_rng(4)
    same, other, narrow = [], [], []
    for _ in range(300):
        rows = np.array([ROWS, [200, 600, 2000], [100, 300, 1000]][random.integers(3)])
        errors = law(rows[-1] * np.array([*rows / rows[-1], 2]), 1.0, random.uniform(0.1, 0.7), 0.0)
        share = random.uniform(0.4, 1)  # of the error at the last point that more rows can remove
        errors = random.uniform(0.05, 0.5) * (1 - share + share * errors / errors[2])
        noise = np.exp(random.normal(np.log(0.02), 0.5)) * (np.array([*rows, 2 * rows[-1]]) / rows[-1]) ** -0.5
        truth = np.clip(errors * (1 + noise * random.normal(size=4)), 0.001, 0.95)
        # A text is hard for all alike, to a large part: the thresholds of a normal copula give each its error.
        hard = np.sqrt(0.7) * random.normal(size=(300, 1)) + np.sqrt(0.3) * random.normal(size=(300, 4))
        wrong = (hard < stats.norm.ppf(truth)).astype(float)
        found = extrapolate(
            rows.tolist(),
            np.maximum(wrong[:, :3].mean(axis=0), 1e-3),
            np.cov(wrong[:, :3].T) / 300,
            float(np.var(wrong[:, 2] - wrong[:, 1], ddof=1)) / 300,
            int(2 * rows[-1]),
            confidence=0.95,
        )
        same.append(found.measured[0] <= wrong[:, 3].mean() <= found.measured[1])
        other.append(found.interval[0] <= truth[3] <= found.interval[1])
        narrow.append(abs(wrong[:, 2].mean() - truth[3]) <= 0.01)
    assert np.mean(same) >= 0.93, np.mean(same)
    assert np.mean(other) >= 0.93, np.mean(other)
    assert np.mean(narrow) < 0.6  # it is no triviality: the last measurement is off by more than a point
