"""The search finds the minimum of a curve, and the training after it is as if there had been no test."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from bakeoff.errors import DivergedError, UserError
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.sections import Budget
from bakeoff.training import loop
from bakeoff.training.checkpoint import load_state, trained_seconds
from bakeoff.training.learner import LossSum, TrainingSettings
from bakeoff.training.progress import Progress
from bakeoff.training.range_test import lowest
from tests.training.tiny import Listener, TinyLearner

AUTO = TrainingSettings(
    budget=Budget(epochs=3), learning_rate=1e-4, range_test=True, schedule="linear", warmup_steps=2, seed=3
)


def train(learner, path: Path, settings: TrainingSettings = AUTO, progress: Progress | None = None):
    folder = ContestantFolder(path)
    return loop.train(learner, settings, folder, progress or Progress()), folder


def without_time(folder: ContestantFolder) -> list:
    steps, epochs = folder.training_log()
    return [line.model_copy(update={"seconds": 0.0}) for line in [*steps, *epochs]]


@given(st.floats(-1.4, 1.9))
def test_the_lowest_point_of_a_parabola_is_found(decades):
    best = 1e-3 * 10**decades

    rate, losses = lowest(lambda tried: math.log10(tried / best) ** 2, 1e-3)

    assert rate == pytest.approx(best, rel=0.08)  # two digits of it
    assert len(losses) <= 6
    assert list(losses) == sorted(losses)


def test_three_trials_are_enough_where_the_start_is_best():
    _, losses = lowest(lambda tried: abs(math.log(tried / 1e-3)), 1e-3)

    assert list(losses) == [0.00032, 0.001, 0.0032]


def test_it_stays_below_where_the_loss_diverges():
    rate, _ = lowest(lambda tried: -math.log(tried) if tried < 0.02 else math.inf, 1e-3)

    assert rate == 0.01


def test_it_moves_down_from_where_the_loss_diverges():
    rate, losses = lowest(lambda tried: abs(math.log(tried / 1e-4)) if tried < 1e-3 else math.inf, 1e-3)

    assert rate == pytest.approx(1e-4, rel=0.05)
    assert losses[1e-3] == math.inf


def test_divergence_at_every_rate_ends_this_training_alone(tmp_path):
    class Diverging(TinyLearner):
        def loss(self, batch) -> LossSum:
            return LossSum(super().loss(batch).total * math.nan)

    with pytest.raises(DivergedError, match="tiny: The loss diverges at every learning rate"):
        train(Diverging(), tmp_path / "tiny")
    with pytest.raises(DivergedError, match=r"diverges at every learning rate between 1e-05 and 0\.0032"):
        lowest(lambda _: math.inf, 1e-3)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_training_equals_one_at_the_chosen_rate_bit_for_bit(tmp_path, precision):
    settings = replace(AUTO, precision=precision)
    cost, auto = train(TinyLearner(), tmp_path / "auto", settings)

    given_rate = replace(settings, range_test=False, learning_rate=cost.range_test.learning_rate)
    _, expected = train(TinyLearner(), tmp_path / "given", given_rate)

    assert without_time(auto) == without_time(expected)
    ours, theirs = (load_file(folder.model / "model.safetensors") for folder in (auto, expected))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_buffers_are_put_back_too(tmp_path):
    def learner():
        tiny = TinyLearner()
        tiny.model = torch.nn.Sequential(torch.nn.BatchNorm1d(4), tiny.model)
        return tiny

    cost, auto = train(learner(), tmp_path / "auto")
    _, expected = train(
        learner(), tmp_path / "given", replace(AUTO, range_test=False, learning_rate=cost.range_test.learning_rate)
    )

    assert without_time(auto) == without_time(expected)


def test_the_chosen_rate_learns_more_than_the_start(tmp_path):
    cost, auto = train(TinyLearner(), tmp_path / "auto")
    _, start = train(TinyLearner(), tmp_path / "start", replace(AUTO, range_test=False))

    assert cost.range_test.learning_rate > 10 * AUTO.learning_rate
    assert auto.training_log()[1][-1].train_loss < 0.9 * start.training_log()[1][-1].train_loss


def test_only_training_steps_are_used_and_none_are_counted(tmp_path):
    calls = []

    class Watched(TinyLearner):
        def validate(self):
            calls.append("validate")
            return super().validate()

        def loss(self, batch) -> LossSum:
            calls.append("loss" if torch.is_grad_enabled() else "held out")
            return super().loss(batch)

    progress = Listener()
    cost, folder = train(Watched(), tmp_path, progress=progress)

    test = cost.range_test
    before = calls[: calls.index("validate")]
    assert (
        before.count("held out") == before.count("loss") - 7 == test.steps <= 12
    )  # memory, and 6 steps of the first epoch
    assert len(test.rates) == len(test.losses) <= 6
    assert (cost.steps, cost.tokens) == (18, 144)
    assert progress.messages == [
        f"{folder.name}: learning rate {test.learning_rate:g}, from a range test of {test.steps} steps "
        f"({test.seconds:.1f} s)."
    ]


def test_a_longer_training_is_worth_a_longer_test(tmp_path):
    cost, _ = train(TinyLearner(rows=400), tmp_path, replace(AUTO, budget=Budget(epochs=5)))

    assert cost.steps == 250
    assert 12 <= cost.range_test.steps <= 25


@pytest.mark.parametrize("killed_after", [0, 8])
def test_a_resumed_run_keeps_the_choice(tmp_path, monkeypatch, killed_after):
    class KilledError(Exception):
        pass

    class Killer(Progress):
        def message(self, text):
            self.step(None, 0) if killed_after == 0 and "range test" in text else None

        def step(self, line, share):
            if line is None or line.step == killed_after:
                raise KilledError

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    cost, whole = train(TinyLearner(), tmp_path / "whole")
    with pytest.raises(KilledError):
        train(TinyLearner(), tmp_path / "killed", progress=Killer())
    killed = ContestantFolder(tmp_path / "killed")
    state = load_state(killed.checkpoint)
    assert trained_seconds(killed.checkpoint) == state.seconds + state.range_test.seconds

    monkeypatch.setattr(loop, "find_learning_rate", lambda *_, **__: pytest.fail("chosen again"))
    resumed_cost, resumed = train(TinyLearner(), tmp_path / "killed")

    assert without_time(resumed) == without_time(whole)
    assert resumed_cost.range_test.learning_rate == cost.range_test.learning_rate
    assert resumed_cost.range_test.losses == cost.range_test.losses


def test_a_single_step_per_epoch_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"at least two steps per epoch(.|\n)*smaller batch_size"):
        train(TinyLearner(rows=8), tmp_path)
