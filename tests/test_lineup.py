"""A first config whose contestants fit into somebody's time."""

from __future__ import annotations

import yaml

from bakeoff import lineup
from bakeoff.config.starting import starting_config
from bakeoff.runs.plans import ContestantPlan, Plan
from tests.methods.small_data import small_table

SECONDS = {
    "majority": 1,
    "linear": 30,
    "lstm": 100,
    "corrector": 200,
    "embedding": 50,
    "transformer": 1000,
    "ensemble": 20,
}


def within(minutes, tmp_path, monkeypatch):
    """Return the config for a table on which contestants take `SECONDS`."""
    rows = [f"{label}\tThis is the film and it was {text}" for label, text in enumerate(small_table(900).train.texts)]
    rows = [f"{number % 2}{row[row.index(chr(9)) :]}" for number, row in enumerate(rows)]
    (tmp_path / "a.tsv").write_text("\n".join(["label\ttext", *rows]))

    def planned(values, progress):
        plans = [
            ContestantPlan(
                name=name,
                method="linear",
                evaluation_seconds=0,
                total_seconds=SECONDS[name],
                peak_memory_bytes=0,
                model_bytes=0,
                disk_bytes=0,
                total_parameters=0,
                trainable_parameters=0,
            )
            for name in values["contestants"]
        ]
        return Plan(
            name="",
            task="classification",
            contestants=plans,
            total_seconds=sum(SECONDS.values()),
            peak_memory_bytes=0,
            disk_bytes=0,
            available_memory_bytes=0,
            free_disk_bytes=0,
            measuring_seconds=0,
        )

    monkeypatch.setattr(lineup, "plan", planned)
    return lineup.within_minutes(
        lambda left_out, time: starting_config(str(tmp_path / "a.tsv"), left_out=left_out, time=time), minutes
    )


def test_the_slowest_are_left_out_until_the_others_fit(tmp_path, monkeypatch):
    start = within(6, tmp_path, monkeypatch)

    assert list(yaml.safe_load(start.yaml)["contestants"]) == ["majority", "linear", "lstm", "embedding", "ensemble"]
    assert yaml.safe_load(start.yaml)["contestants"]["ensemble"]["members"] == ["linear", "lstm", "embedding"]
    assert "# Left out for want of time: transformer, about 16 min 40 s" in start.yaml
    assert "# You asked for 6 minutes. On this machine, the contestants take about 3 min 21 s" in start.yaml


def test_the_quick_ones_always_stay(tmp_path, monkeypatch):
    assert list(yaml.safe_load(within(0.1, tmp_path, monkeypatch).yaml)["contestants"]) == ["majority", "linear"]


def test_enough_time_leaves_nothing_out(tmp_path, monkeypatch):
    start = within(60, tmp_path, monkeypatch)

    assert set(yaml.safe_load(start.yaml)["contestants"]) == set(SECONDS)
    assert start.seen.left_out == {}
