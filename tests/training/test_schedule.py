"""The learning-rate schedule for every kind of budget."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bakeoff.sections import Budget
from bakeoff.training.learner import TrainingSettings
from bakeoff.training.schedule import expected_steps, learning_rate, spent


def course(budget: Budget, steps: int, seconds_per_step: float = 1.0, **settings) -> list[float]:
    """Return the rate of every step of a training with ten steps per epoch, each of one token."""
    chosen = TrainingSettings(
        budget=budget, **{"learning_rate": 1.0, "schedule": "linear", "warmup_share": 0.1, **settings}, seed=1
    )
    total = expected_steps(budget, steps_per_epoch=10, tokens_per_epoch=10)
    shares = [spent(budget, epochs=n / 10, tokens=n, seconds=n * seconds_per_step)[0] for n in range(steps)]
    return [learning_rate(chosen, step, share, total) for step, share in enumerate(shares)]


@pytest.mark.parametrize("budget", [Budget(epochs=10), Budget(tokens=100), Budget(epochs=10, seconds=1000)])
def test_the_rate_rises_over_a_tenth_of_the_steps_and_falls_over_the_rest(budget):
    rates = course(budget, 100)

    assert rates[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert rates[10:] == pytest.approx([1 - step / 90 for step in range(90)])


@pytest.mark.parametrize("budget", [Budget(seconds=100), Budget(epochs=1000, seconds=100)])
def test_where_seconds_end_it_the_rate_rises_over_a_tenth_of_them(budget):
    rates = course(budget, 100)

    assert rates[0] == pytest.approx(0, abs=1e-3)  # the time of a step is not known yet
    assert rates[1:10] == pytest.approx([step / 10 for step in range(2, 11)])
    assert rates[10:] == pytest.approx([1 - step / 90 for step in range(90)])


def test_a_number_of_steps_to_warm_up_is_kept_whatever_the_budget():
    for budget in (Budget(epochs=10), Budget(seconds=100)):
        rates = course(budget, 100, warmup_steps=4)

        assert rates[:4] == pytest.approx([0.25, 0.5, 0.75, 1])
        assert all(later <= earlier for earlier, later in pairwise(rates[4:]))


def test_a_constant_rate_without_warm_up():
    assert course(Budget(epochs=2), 20, schedule="constant", warmup_share=0.0) == [1.0] * 20


def test_the_cosine_ends_near_zero_and_is_half_way_in_the_middle():
    rates = course(Budget(epochs=10), 100, schedule="cosine", warmup_share=0.0)

    assert rates[50] == pytest.approx(0.5)
    assert 0 < rates[-1] < 1e-3
