"""Forecasts of a training against the training itself, with a fake clock."""

from __future__ import annotations

import time

import pytest

from bakeoff.errors import UserError
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.sections import Budget
from bakeoff.training import loop, measuring
from bakeoff.training.learner import LossSum, TrainingSettings
from bakeoff.training.measuring import count_course, measure_training
from bakeoff.training.progress import Progress
from tests.training.tiny import TinyBatch, TinyLearner

BUDGETS = [
    {"epochs": 3},
    {"tokens": 100},
    {"tokens": 96},  # the end of an epoch
    {"tokens": 1},
    {"epochs": 2, "tokens": 1000},
    {"epochs": 9, "tokens": 100, "evaluations": 4},
    {"epochs": 1, "evaluations": 50},  # more than steps
]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    monkeypatch.setattr(measuring, "MEASURED_SECONDS", 4.0)
    return clock


class Uneven(TinyLearner):
    """Steps of 2 to 20 rows. A row takes 10 ms on the clock, a step 50 ms, and the very first one 3 s more."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(rows=120)
        self.clock, self.warm = clock, False

    def steps(self, epoch: int):
        (whole,) = zip(*super().steps(epoch), strict=True)
        rows = [2, 20, 8, 4, 16, 10]
        return [[TinyBatch(batch.inputs.repeat(3, 1)[:n], batch.targets.repeat(3, 1)[:n])]
                for batch, n in zip(whole, rows * 3, strict=False)]  # fmt: skip

    def loss(self, batch: TinyBatch) -> LossSum:
        self.clock.now += 0.05 + 0.01 * batch.count + (0 if self.warm else 3)
        self.warm = True
        return super().loss(batch)


def settings_of(budget: dict) -> TrainingSettings:
    return TrainingSettings(budget=Budget(**budget), learning_rate=0.01)


@pytest.mark.parametrize("budget", BUDGETS, ids=str)
def test_forecast_counts_are_those_of_the_training(tmp_path, budget):
    settings = settings_of(budget)
    folder = ContestantFolder(tmp_path / "tiny")

    course = count_course(TinyLearner(), settings.budget)
    cost = loop.train(TinyLearner(), settings, folder, Progress())

    assert (course.steps, course.tokens, course.epochs) == (cost.steps, cost.tokens, cost.epochs)
    evaluations = measure_training(TinyLearner(), settings, "tiny", Progress()).evaluations
    assert evaluations == len(folder.training_log()[1])


@pytest.mark.parametrize("budget", [{"epochs": 3}, {"tokens": 500}], ids=str)
def test_forecast_time_is_that_of_the_training_despite_a_slow_first_step(tmp_path, clock, budget):
    settings = settings_of(budget)
    warm = Uneven(clock)
    warm.warm = True

    measured = measure_training(Uneven(clock), settings, "tiny", Progress())
    cost = loop.train(warm, settings, ContestantFolder(tmp_path / "tiny"), Progress())

    assert measured.seconds == pytest.approx(cost.seconds, rel=0.1)
    assert (measured.course.steps, measured.course.tokens) == (cost.steps, cost.tokens)
    assert measured.notes == []


def test_a_slow_step_is_taken_once(clock):
    class Slow(TinyLearner):
        taken = 0

        def loss(self, batch: TinyBatch) -> LossSum:
            self.taken += 1
            clock.now += 60
            return super().loss(batch)

    learner = Slow()
    measured = measure_training(learner, settings_of({"epochs": 5}), "slow", Progress())

    assert measured.seconds == pytest.approx(5 * 6 * 60)
    assert (
        learner.taken == 3
    )  # looking ahead at the memory of one row, the first step with one row, and the measured one


def test_seconds_limit_a_plan_as_they_limit_a_training(tmp_path, clock):
    settings = settings_of({"epochs": 50, "seconds": 10})
    warm = Uneven(clock)
    warm.warm = True

    measured = measure_training(Uneven(clock), settings, "tiny", Progress())
    cost = loop.train(warm, settings, ContestantFolder(tmp_path / "tiny"), Progress())

    assert cost.stopped_by == "seconds"
    assert measured.course.steps == pytest.approx(cost.steps, rel=0.15)
    assert measured.course.tokens == pytest.approx(cost.tokens, rel=0.15)
    (note,) = measured.notes
    assert "budget.seconds ends the training" in note
    assert count_course(TinyLearner(), Budget(seconds=5)) is None


def test_nothing_to_train_on_is_an_error():
    class Empty(TinyLearner):
        def steps(self, epoch: int):
            return []

    with pytest.raises(UserError, match="nothing to train on"):
        measure_training(Empty(), settings_of({"epochs": 1}), "empty", Progress())
