"""Whole bake-offs with a tracker."""

from __future__ import annotations

import importlib.util
import signal

import pytest

from bakeoff import resume
from bakeoff import run as bakeoff_run
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.results import EpochLine, StepLine
from bakeoff.training.progress import Progress
from tests.command import bakeoff, refused
from tests.real_runs import LANGUAGE_MODEL, SENTIMENT, write_config_file
from tests.training.tracker_files import offline, stored

SMALL = {
    **SENTIMENT,
    "data": {"table": "sentence-polarity", "rows": 300},
    "budget": {"epochs": 1},
    "evaluation": {"resamples": 20},
}


def test_every_training_is_a_run_that_goes_on_after_ctrl_c(tmp_path, monkeypatch):
    offline("mlflow", tmp_path, monkeypatch)
    lstm = {**SENTIMENT["contestants"]["lstm"], "tune": {"trials": 2}}
    config = {**SMALL, "name": "small", "tracker": "mlflow", "repeats": 2, "contestants": {"lstm": lstm}}
    config["budget"] = {"epochs": 2}

    with pytest.raises(KeyboardInterrupt):
        bakeoff_run(config, tmp_path / "run", progress=CtrlC())
    before = [(run.name, run.state) for run in stored("mlflow", tmp_path, "small")]
    assert before == [("lstm, seed 12, trial 1", "KILLED")]
    folder = resume(tmp_path / "run").folder

    runs = {run.name: run for run in stored("mlflow", tmp_path, "small")}
    assert sorted(runs) == [f"lstm, seed {seed}, trial {number}" for seed in (12, 13) for number in (1, 2)]
    assert {run.state for run in runs.values()} == {"FINISHED"}
    for number, seed in enumerate((12, 13), start=1):
        contestant = RunFolder(folder).contestant("lstm").repeat(number)
        steps, epochs = contestant.training_log()
        best = runs[f"lstm, seed {seed}, trial {contestant.result().search.best}"]
        assert best.metrics["train/loss"] == [(line.step, line.loss) for line in steps]
        assert best.metrics["validation/accuracy"] == [(line.step, line.validation_accuracy) for line in epochs]


class CtrlC(Progress):
    """Interrupts a training two steps after its first checkpoint."""

    def __init__(self) -> None:
        self._last = 0

    def epoch(self, line: EpochLine) -> None:
        self._last = self._last or line.step + 2

    def step(self, line: StepLine, share: float) -> None:
        if line.step == self._last:
            signal.raise_signal(signal.SIGINT)


def test_tensorboard_shows_a_language_model(tmp_path):
    config = {
        **LANGUAGE_MODEL,
        "tracker": "tensorboard",
        "budget": {"tokens": 1000, "evaluations": 2},
        "contestants": {"lora": LANGUAGE_MODEL["contestants"]["lora"]},
        "evaluation": {"resamples": 20, "protocols": ["document"], "context_length": 256, "prompts": []},
    }
    assert bakeoff("run", write_config_file(tmp_path / "small.yaml", config), "-o", tmp_path / "run").code == 0

    lora = RunFolder(tmp_path / "run").contestant("lora")
    steps, epochs = lora.training_log()
    (run,) = stored("tensorboard", tmp_path, "")
    assert run.metrics["train/loss"] == [(line.step, pytest.approx(line.loss, rel=1e-6)) for line in steps]
    losses = [(line.step, pytest.approx(line.validation_loss, rel=1e-6)) for line in epochs]
    assert run.metrics["validation/loss"] == losses


def test_a_tracker_that_is_not_installed_is_told_before_anything_begins(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "wandb" else find(name, *more))
    config = write_config_file(tmp_path / "small.yaml", {**SMALL, "tracker": "wandb"})

    said = refused("run", config, "-o", tmp_path / "run")

    assert "tracker: wandb needs wandb, which is not installed." in said
    assert "pip install 'bakeoff[wandb]'" in said
    assert not (tmp_path / "run").exists()
