"""`tracker: tensorboard` through the command line."""

from __future__ import annotations

import importlib.util

import pytest

from bakeoff.runs.folder import RunFolder
from tests.command import bakeoff, refused
from tests.real_runs import SENTIMENT, write_config_file

SMALL = {
    **SENTIMENT,
    "tracker": "tensorboard",
    "data": {"table": "sentence-polarity", "rows": 300},
    "budget": {"epochs": 1},
    "contestants": {"linear": {}, "lstm": SENTIMENT["contestants"]["lstm"]},
}


def test_tensorboard_shows_what_metrics_jsonl_holds(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert bakeoff("run", write_config_file(tmp_path / "small.yaml", SMALL), "-o", tmp_path / "run").code == 0

    lstm = RunFolder(tmp_path / "run").contestant("lstm")
    steps, epochs = lstm.training_log()
    events = EventAccumulator(str(lstm.tracking)).Reload()
    losses = [(event.step, event.value) for event in events.Scalars("train/loss")]
    assert losses == [(line.step, pytest.approx(line.loss, rel=1e-6)) for line in steps]
    accuracies = [event.value for event in events.Scalars("validation/accuracy")]
    assert accuracies == [pytest.approx(line.validation_accuracy, rel=1e-6) for line in epochs]


def test_a_tracker_that_is_not_installed_is_told_before_anything_begins(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "wandb" else find(name, *more))
    config = write_config_file(tmp_path / "small.yaml", {**SMALL, "tracker": "wandb"})

    said = refused("run", config, "-o", tmp_path / "run")

    assert "tracker: wandb needs wandb, which is not installed." in said
    assert "pip install 'bakeoff[wandb]'" in said
    assert not (tmp_path / "run").exists()
