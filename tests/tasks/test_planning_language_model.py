"""Plans of language-model contestants against what their baking then took."""

from __future__ import annotations

import pytest

from bakeoff import machine
from bakeoff.runs.folder import ContestantFolder
from bakeoff.tasks.language_model import bake
from bakeoff.training import measuring
from bakeoff.training.progress import Progress
from tests.tasks.test_language_model import SETTINGS, config_of

CHECKPOINTED = {**SETTINGS["full"], "activation_checkpointing": True}
CONFIG = config_of(budget={"tokens": 700, "evaluations": 2}, contestants={**SETTINGS, "checkpointed": CHECKPOINTED})


@pytest.fixture(scope="module")
def plans(split):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "MEASURED_SECONDS", 0.1)
        return {plan.name: plan for plan in planning.plan_contestants(CONFIG, split, Progress())}


@pytest.mark.parametrize("name", CONFIG.contestants)
def test_what_is_counted_is_what_then_happens(plans, split, tmp_path, name):
    plan, folder = plans[name], ContestantFolder(tmp_path / name)
    machine.reset_peak_memory()

    result = bake(CONFIG, name, split, folder, Progress())

    cost = result.training
    assert (plan.method, plan.steps, plan.tokens, plan.epochs) == (result.method, cost.steps, cost.tokens, cost.epochs)
    assert (plan.trainable_parameters, plan.total_parameters) == (result.trainable_parameters, result.total_parameters)
    assert plan.model_bytes == pytest.approx(result.model_bytes, rel=0.25)
    assert plan.peak_memory_bytes == pytest.approx(cost.peak_memory_bytes, rel=0.5)
    assert plan.total_seconds > plan.training_seconds + plan.evaluation_seconds > 0
    assert plan.notes == (
        ["The range test takes up to 12 steps of its own, counted in the total time."] if "auto" in name else []
    )


def test_disk_holds_an_old_and_a_new_checkpoint(plans):
    full = plans["full"]

    assert full.disk_bytes == 2 * (full.model_bytes + 3 * 4 * 260_032)


def test_the_judge_s_time_grows_with_its_text(stories, split):
    plan = planning.scoring_plan(CONFIG, stories, split.test, "document")
    batches = [batch for _, batch in planning.batches_of_rows(plan.rows, 256)]

    once, twice = (planning._scoring_seconds(stories, many) for many in (batches, batches * 400))

    assert twice > 20 * once > 0
