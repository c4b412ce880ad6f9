"""Where two lines cross, and how often the interval of that place holds the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.evaluation.crossings import interval_of_place, places
from bakeoff.evaluation.metrics import Draws

ROWS = [100, 300, 900, 2700]


@given(st.lists(st.floats(-1, 1).filter(lambda lead: abs(lead) > 1e-6), min_size=4, max_size=4))
def test_the_place_is_where_numpy_finds_a_lead_of_zero(leads: list[float]) -> None:
    (place,) = places(ROWS, leads)
    if min(leads) > 0:
        assert place == 0
    elif leads[-1] < 0:
        assert place == np.inf
    else:
        assert np.interp(np.log(place), np.log(ROWS), leads) == pytest.approx(0, abs=1e-9)
        beyond = [lead for rows, lead in zip(ROWS, leads, strict=True) if rows > place + 1e-6]
        assert min(beyond) > 0


def test_an_end_outside_the_sizes_is_open() -> None:
    draws, covariance = Draws(0.95, 1000, 12), np.eye(4) * 0.01**2
    assert interval_of_place(ROWS, [-0.3, -0.2, -0.1, 0.001], covariance, draws)[1] is None
    assert interval_of_place(ROWS, [-0.001, 0.1, 0.2, 0.3], covariance, draws)[0] is None
    assert interval_of_place(ROWS, [-0.4, -0.3, -0.2, -0.1], covariance, draws) == (2700, None)
    assert interval_of_place(ROWS, [0.1, 0.2, 0.3, 0.4], covariance, draws) == (None, 100)
    low, high = interval_of_place(ROWS, [-0.1, -0.05, 0.05, 0.1], covariance, draws)
    assert low is not None
    assert high is not None
    assert 300 < low < np.sqrt(300 * 900) < high < 900


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_the_interval_holds_the_place_as_often_as_it_says(correlation: float) -> None:
    random, draws = np.random.default_rng(5), Draws(0.95, 2000, 1)
    truth = np.array([-0.06, -0.02, 0.02, 0.06])  # crosses at the root of 300 * 900
    covariance = 0.015**2 * ((1 - correlation) * np.eye(4) + correlation)
    held = 0
    for leads in random.multivariate_normal(truth, covariance, 300):
        low, high = interval_of_place(ROWS, leads, covariance, draws)
        held += (low or 0) <= np.sqrt(300 * 900) <= (high or np.inf)
    assert 0.92 <= held / 300 <= 0.99
