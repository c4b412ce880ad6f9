"""The campaign: its rules find what is wrong, and a few of its cases pass."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
import yaml

from hostile.cases import Case, HangError, judged, type_command
from hostile.inputs import bad_inputs
from hostile.kills import killed_runs
from hostile.runs import KINDS, differences, measured, write_config


def test_a_traceback_a_defect_and_silence_are_wrong(monkeypatch):
    def raising(error):
        def examine():
            raise error

        monkeypatch.setattr("bakeoff.cli.doctor.examine", examine)
        return judged(type_command(["doctor"]))

    assert raising(KeyError("of ours"))[0] == "reported as a defect"
    assert raising(FileNotFoundError(2, "No such file", "x")) == ("refused in a sentence", "")
    monkeypatch.setattr("bakeoff.cli.boundary.print_error", lambda error: None)
    assert "without a word" in raising(FileNotFoundError(2, "No such file", "x"))[1]


def test_a_hang_is_wrong(monkeypatch):
    def hang():
        raise HangError

    assert Case("slow", hang).run().ending == "hung"

    def examine():
        while True:
            pass

    monkeypatch.setattr("bakeoff.cli.doctor.examine", examine)
    with pytest.raises(HangError):
        type_command(["doctor"], seconds=0.05)


def test_differences_name_the_place():
    assert differences({"a": {"b": [1]}}, {"a": {"b": [2]}}) == [".a.b: [1] instead of [2]"]
    assert differences({"a": 1}, {"a": 1}) == []


def test_some_bad_inputs_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)

    outcomes = [case.run() for case in itertools.islice(bad_inputs(random.Random(3), tmp_path), 25)]

    assert [outcome for outcome in outcomes if outcome.problem] == []


@pytest.mark.parametrize("name", KINDS)
def test_configs_are_valid(name, tmp_path):
    from bakeoff.config.load import load_config

    assert load_config(write_config(KINDS[name], tmp_path)).contestants


def test_runs_that_are_not_the_same_are_found(sentiment_run, tmp_path):
    other = measured(sentiment_run)
    other["lstm"]["steps"][0]["loss"] += 1e-12

    assert differences(other, measured(sentiment_run))[0].startswith(".lstm.steps: ")


def test_kills_come_with_a_reference(tmp_path, monkeypatch):
    said = iter([(1, "Error: of the reference")])
    monkeypatch.setattr("hostile.kills._run", lambda *_: next(said))

    outcome = next(killed_runs(random.Random(1), tmp_path)).run()

    assert (outcome.ending, outcome.problem) == ("failed", "Error: of the reference")
    assert yaml.safe_load(Path(tmp_path, "classifiers-1", "config.yaml").read_text())["task"] == "classification"
