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
TRAINED = {"lstm": 90, "corrector": 150, "transformer": 900}
"""Seconds of `SECONDS` in which epochs are trained."""


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
                epochs=values["budget"]["epochs"] if name in TRAINED else 0,
                training_seconds=TRAINED.get(name, 0),
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
    return lineup.within_minutes(starting_config(str(tmp_path / "a.tsv")), minutes)


def test_those_that_promise_least_are_left_out_until_the_others_fit(tmp_path, monkeypatch):
    start = within(6, tmp_path, monkeypatch)

    contestants = yaml.safe_load(start.yaml)["contestants"]
    assert list(contestants) == ["majority", "linear", "corrector", "embedding", "ensemble"]
    assert contestants["ensemble"]["members"] == ["linear", "corrector", "embedding"]
    assert yaml.safe_load(start.yaml)["budget"] == {"epochs": 10}  # fewer would not make room for the transformer
    assert "# Left out for lack of time: transformer, about 16 min 40 s" in start.yaml
    assert "# You asked for 6 minutes. On this machine, the contestants take about 5 min 1 s" in start.yaml


def test_fewer_epochs_make_room_for_those_that_promise_most(tmp_path, monkeypatch):
    start = within(13, tmp_path, monkeypatch)

    assert yaml.safe_load(start.yaml)["budget"] == {"epochs": 6}
    assert "fewer passes than usual, for lack of time" in start.yaml
    # 1 + 30 + 20 + (1,000 - 0.4 * 900) + 50 s leave no 140 s for the corrector, nor 64 s for the LSTM
    assert list(yaml.safe_load(start.yaml)["contestants"]) == [
        *("majority", "linear", "embedding", "transformer", "ensemble"),
    ]
    assert "the contestants take about 12 min 21 s" in start.yaml


def test_what_takes_next_to_no_time_stays(tmp_path, monkeypatch):
    start = within(17.6, tmp_path, monkeypatch)

    # All epochs would need 1 + 30 + 20 + 1,000 s and leave 5 s, too little for the embedding's 50.
    assert yaml.safe_load(start.yaml)["budget"] == {"epochs": 6}
    assert set(yaml.safe_load(start.yaml)["contestants"]) == set(SECONDS)


def test_the_quick_ones_always_stay(tmp_path, monkeypatch):
    assert list(yaml.safe_load(within(0.1, tmp_path, monkeypatch).yaml)["contestants"]) == ["majority", "linear"]


def test_enough_time_leaves_nothing_out(tmp_path, monkeypatch):
    start = within(60, tmp_path, monkeypatch)

    assert set(yaml.safe_load(start.yaml)["contestants"]) == set(SECONDS)
    assert start.seen.left_out == {}
    assert yaml.safe_load(start.yaml)["budget"] == {"epochs": 10}
