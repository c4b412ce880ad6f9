"""`bakeoff plan` and `bakeoff.plan`: what is said, and that nothing is left behind."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.cells import cell_len
from rich.console import Console

import bakeoff as library
from bakeoff import machine, planner
from bakeoff.report.plan import PlanTable
from bakeoff.runs.plans import Plan
from tests.command import bakeoff, refused
from tests.real_runs import LANGUAGE_MODEL, SENTIMENT, write_config_file


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))


def test_a_plan_of_a_language_model_leaves_nothing_behind(tmp_path):
    config = write_config_file(tmp_path / "small.yaml", LANGUAGE_MODEL)
    before = sorted(tmp_path.rglob("*"))

    typed = bakeoff("plan", config, "--set", "budget.tokens=2000")

    assert typed.code == 0, typed.err
    for words in ("pretrained", "lora-lab", "Training tokens", "Peak memory", "Peak disk", "nothing was saved"):
        assert words in typed.out
    assert sorted(tmp_path.rglob("*")) == before
    assert list(tmp_path.cwd().iterdir()) == []


def test_a_plan_of_classifiers_as_json(tmp_path):
    typed = bakeoff("plan", write_config_file(tmp_path / "small.yaml", SENTIMENT), "--json")

    found = Plan.model_validate(typed.json)
    assert [each.name for each in found.contestants] == ["majority", "linear", "lstm", "lstm-lab"]
    assert found.total_seconds >= sum(each.total_seconds for each in found.contestants)
    assert found.peak_memory_bytes == max(each.peak_memory_bytes for each in found.contestants)
    assert found.warnings == []


def test_from_python_a_large_model_is_warned_of(monkeypatch):
    monkeypatch.setattr(machine, "available_memory_bytes", lambda: 0)
    monkeypatch.setattr(machine, "memory_bytes", lambda: 1_000_000)
    monkeypatch.setattr(planner.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    monkeypatch.setattr("bakeoff.training.memory.MicroBatches.look_ahead", lambda *_: None)
    contestants = {"full": {}, "full-2": {"method": "full", "activation_checkpointing": True}, "lora": {}}
    config = {**LANGUAGE_MODEL, "contestants": contestants, "budget": {"tokens": 500}}

    found = library.plan(config, overrides=["evaluation={protocols: [document]}"])

    full, full_2, lora, disk = found.warnings
    assert full.startswith("full needs ")
    assert full.endswith(
        "but only 1.0 MB are available: set its activation_checkpointing: true, or train with method lora."
    )
    assert full_2.endswith("train with method lora.")
    assert lora.endswith("set its activation_checkpointing: true.")
    assert disk.endswith("only 1.0 kB are free here: free some, or put the run on another disk.")


def test_mistakes_are_told_as_by_run(tmp_path):
    assert "Did you mean language-model?" in refused("plan", "langage-model")
    config = write_config_file(tmp_path / "small.yaml", {**LANGUAGE_MODEL, "model": "stories26k"})
    assert "Did you mean stories260k" in refused("plan", config)


@pytest.mark.parametrize("width", [40, 80, 160])
def test_no_line_is_too_long_and_no_contestant_is_lost(width):
    costs = {
        "evaluation_seconds": 1.0, "total_seconds": 70.0, "peak_memory_bytes": 10**9, "model_bytes": 5, "disk_bytes": 9,
        "trainable_parameters": None, "total_parameters": 10, "notes": ["[bold]Not markup[/bold]"],
    }  # fmt: skip
    plan = Plan(
        name="many", task="classification", total_seconds=100.0, peak_memory_bytes=10**9, disk_bytes=9,
        contestants=[{"name": f"contestant-{number}", "method": "linear", **costs} for number in range(7)],
        available_memory_bytes=10**9, free_disk_bytes=10**9, measuring_seconds=3.0, warnings=["too large"],
    )  # fmt: skip
    buffer = io.StringIO()

    Console(file=buffer, width=width).print(PlanTable(plan))

    text = buffer.getvalue()
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert all(f"contestant-{number}" in text for number in range(7))
    assert "[bold]Not markup[/bold]" in text
    assert "Warning: too large" in text
    assert "unknown" in text
