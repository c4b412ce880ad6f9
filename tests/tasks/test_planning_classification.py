"""Plans of classifiers against what their baking then took."""

from __future__ import annotations

import pytest

from bakeoff import machine
from bakeoff.runs.folder import ContestantFolder
from bakeoff.tasks.classification import bake
from bakeoff.training import measuring
from bakeoff.training.progress import Progress
from tests.methods.small_data import SMALL_LSTM, config, small_table

TABLE = small_table()
CONFIG = config({"majority": {}, "linear": {}, "lstm": SMALL_LSTM, "gru": {**SMALL_LSTM, "batch_size": 50}}, epochs=2)


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(measuring, "MEASURED_SECONDS", 0.1)


@pytest.fixture
def plans():
    return {plan.name: plan for plan in planning.plan_contestants(CONFIG, TABLE, Progress())}


def test_what_is_counted_is_what_then_happens(plans, tmp_path):
    for name, plan in plans.items():
        machine.reset_peak_memory()
        result = bake(CONFIG, name, TABLE, ContestantFolder(tmp_path / name), Progress())

        cost = result.training
        assert plan.method == result.method
        if name in ("lstm", "gru"):
            assert (plan.steps, plan.tokens, plan.epochs) == (cost.steps, cost.tokens, cost.epochs)
            assert plan.training_seconds > 0
        assert plan.trainable_parameters == plan.total_parameters == result.total_parameters
        assert plan.model_bytes == pytest.approx(result.model_bytes, rel=0.25, abs=1000)
        assert plan.peak_memory_bytes == pytest.approx(cost.peak_memory_bytes, rel=0.5)


def test_a_linear_model_of_many_texts_is_fitted_on_a_part_of_them(plans, monkeypatch):
    """A third of the texts costs a third; the number of n-grams is not guessed."""
    characters = sum(map(len, TABLE.train.texts))
    monkeypatch.setattr(planning, "SAMPLE_CHARACTERS", characters // 3 + 1)

    (linear,) = planning.plan_contestants(config({"linear": {}}), TABLE, Progress())

    assert linear.total_parameters is None
    assert linear.notes[0].startswith("Fitted on 40 of 120 texts")
    assert plans["linear"].notes == []
    assert plans["linear"].model_bytes < 3 * linear.model_bytes < 9 * plans["linear"].model_bytes
