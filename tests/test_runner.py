"""Whose folder a run is: what fails early leaves nothing, and nothing of others is touched."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest

import bakeoff
from bakeoff import runner
from bakeoff.config.load import load_config
from bakeoff.errors import UserError
from bakeoff.execution.exchange import Exchange
from bakeoff.execution.schedule import Ended, Executor, Job
from bakeoff.report.output import write_report
from bakeoff.runs import checksums
from bakeoff.runs.checksums import read_manifest
from bakeoff.runs.folder import RunFolder
from bakeoff.shared_run import SharedRun
from bakeoff.training.progress import Progress
from tests.command import bakeoff as typed
from tests.command import refused

CONFIG = {
    "task": "classification",
    "data": {"table": "sentence-polarity", "rows": 60},
    "contestants": {"majority": {}},
    "evaluation": {"resamples": 50},
}


def test_a_failure_before_the_spec_is_written_is_told_and_leaves_no_folder(tmp_path, monkeypatch):
    def full_disk(*_):
        raise UserError("The disk is full")

    monkeypatch.setattr(RunFolder, "write_data", full_disk)

    with pytest.raises(UserError, match="The disk is full"):
        runner.run(CONFIG, tmp_path / "run")

    assert not (tmp_path / "run").exists()


class Unreachable(Executor):
    """A cluster whose storage can be written once, and not be read."""

    def __init__(self, carrier: SharedRun) -> None:
        self.carrier = carrier

    def has_room(self) -> bool:
        return True

    def start(self, job: Job, progress: Progress) -> None:
        self.carrier.publish()

    def wait(self) -> Iterator[tuple[Job, Ended | Exception]]:
        raise UserError("The storage cannot be read.")

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_run_that_is_in_a_storage_is_kept(tmp_path, monkeypatch):
    """What the cluster has trained of it may be there, and no new run of its name can begin."""
    monkeypatch.setattr(runner, "elsewhere", lambda *arguments: Unreachable(arguments[-1]))
    store = (tmp_path / "store").as_uri()

    with pytest.raises(UserError, match="cannot be read"):
        runner.run(CONFIG, tmp_path / "run", on="ray", storage=store)

    monkeypatch.undo()
    with pytest.raises(UserError, match="already holds a run"):
        SharedRun(store, RunFolder(tmp_path / "run"), load_config(CONFIG)).must_be_free()
    assert runner.resume(tmp_path / "run").results


def test_a_run_that_has_not_reached_its_storage_leaves_no_folder(tmp_path, monkeypatch):
    def full(*_):
        raise UserError("The storage is full.")

    monkeypatch.setattr(runner, "elsewhere", lambda *arguments: Unreachable(arguments[-1]))
    monkeypatch.setattr(Exchange, "push", full)

    with pytest.raises(UserError, match="is full"):
        runner.run(CONFIG, tmp_path / "run", on="ray", storage=(tmp_path / "store").as_uri())

    assert not (tmp_path / "run").exists()


def test_a_run_that_another_process_began_meanwhile_is_left_alone(tmp_path, monkeypatch):
    """The other run ends after this one looked at the folder, and before it locks it."""
    locked = RunFolder.locked

    def locked_after_the_other_ran(folder):
        monkeypatch.setattr(RunFolder, "locked", locked)
        runner.run({**CONFIG, "seed": 1}, folder.path)
        return locked(folder)

    monkeypatch.setattr(RunFolder, "locked", locked_after_the_other_ran)
    with pytest.raises(UserError, match="already holds a run"):
        runner.run(CONFIG, tmp_path / "run")

    assert RunFolder(tmp_path / "run").config_values()["seed"] == 1


def test_data_are_read_under_the_lock(tmp_path, monkeypatch):
    prepare = runner.prepare_data

    def prepare_while_another_begins(*arguments):
        monkeypatch.setattr(runner, "prepare_data", prepare)
        with pytest.raises(UserError, match="Another process is working"):
            runner.run(CONFIG, tmp_path / "run")
        return prepare(*arguments)

    monkeypatch.setattr(runner, "prepare_data", prepare_while_another_begins)

    assert runner.run(CONFIG, tmp_path / "run").results


def test_a_run_killed_before_its_config_was_written_can_be_started_again(tmp_path):
    folder = RunFolder(tmp_path / "run")
    with folder.locked():
        (folder.path / "data.json").write_text("{")
        (folder.path / ".a1b2.part").touch()

    with pytest.raises(UserError, match="was stopped before it began"):
        runner.resume(folder.path)
    runner.run(CONFIG, folder.path)

    assert sorted(path.name for path in folder.path.glob(".*")) == [".lock"]


def test_a_folder_with_files_of_others_is_left_alone(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").touch()

    with pytest.raises(UserError, match="exists and is not a run"):
        runner.run(CONFIG, tmp_path / "run")

    assert [path.name for path in (tmp_path / "run").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("name", [".lock", "report.html", "bakeoff.yaml", "verdict.json", "contestants"])
def test_links_in_a_run_are_not_followed(tmp_path, name):
    """A run that somebody sent may hold links to files of the one who opens it."""
    run = runner.run(CONFIG, tmp_path / "run").folder
    outside = tmp_path / "outside"
    (run / name).rename(outside)
    (run / name).symlink_to(outside)
    before = outside.read_bytes() if outside.is_file() else sorted(outside.rglob("*"))

    for write in (runner.resume, lambda path: write_report(RunFolder(path))):
        with pytest.raises(UserError, match="is a link to"):
            write(run)

    assert before == (outside.read_bytes() if outside.is_file() else sorted(outside.rglob("*")))


def test_resume_sets_what_no_result_depends_on(tmp_path, monkeypatch):
    folder = RunFolder(runner.run(CONFIG, tmp_path / "run").folder)
    before = read_manifest(folder.path)
    monkeypatch.setitem(sys.modules, "mlflow", None)  # which a finished run does not need

    outcome = runner.resume(folder.path, overrides=["tracker=mlflow"])

    assert outcome.results
    assert folder.config_values()["tracker"] == "mlflow"
    assert typed("resume", folder.path).code == 0
    after = read_manifest(folder.path)
    changed = {name for name, entry in before.items() if after[name] != entry}
    assert {"bakeoff.yaml"} <= changed <= {"bakeoff.yaml", "verdict.json"}
    assert before.keys() == after.keys()
    assert typed("resume", folder.path, "--set", "tracker=none").code == 0
    assert folder.config_values()["tracker"] == "none"


@pytest.mark.parametrize("override", ["seed=3", "contestants.linear={}", "evaluation.resamples=51", "data.rows=59"])
def test_resume_sets_nothing_else(tmp_path, override):
    run = runner.run(CONFIG, tmp_path / "run").folder
    before = (run / "bakeoff.yaml").read_bytes()

    said = refused("resume", run, "--set", override)

    assert f"--set {override}: results depend on it, and the run has begun. What can be set: tracker." in said
    assert (run / "bakeoff.yaml").read_bytes() == before


@pytest.mark.parametrize("killed", ["write_text", "_write"])
def test_a_kill_while_the_config_changes_leaves_a_run(tmp_path, monkeypatch, killed):
    run = runner.run(CONFIG, tmp_path / "run").folder

    def kill(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(checksums, killed, kill)
    with pytest.raises(KeyboardInterrupt):
        runner.resume(run, overrides=["tracker=mlflow"])
    monkeypatch.undo()

    assert RunFolder(run).config_values()["tracker"] == ("none" if killed == "write_text" else "mlflow")
    assert runner.resume(run).results


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "..", "", "a\\b", "a\nb"])
def test_the_name_of_a_bake_off_stays_in_its_folder(name):
    with pytest.raises(UserError, match="must be the name of a folder in runs/"):
        runner.run({**CONFIG, "name": name})


DIVERGING = {"hidden_size": 8, "embedding_size": 8, "learning_rate": 1e30, "gradient_clip": None}


def test_a_contestant_that_diverges_is_ranked_last_and_the_others_go_on(tmp_path):
    config = {
        **CONFIG,
        "contestants": {
            "lstm": DIVERGING,
            "linear": {},
            "majority": {},
            "both": {"method": "ensemble", "members": ["lstm", "linear"]},
        },
    }
    messages = []
    progress = Progress()
    progress.message = messages.append

    outcome = runner.run({**config, "budget": {"epochs": 2}}, tmp_path / "run", progress=progress)

    assert [result.name for result in outcome.results] == ["linear", "majority"]
    last = [sentence for sentence in outcome.verdict.sentences if "ranked last" in sentence]
    # Where the first nan appears, in a step or in the validation after it, depends on the processor.
    assert re.match("lstm is ranked last, without a result: the (validation )?loss is nan", last[0])
    assert last[1] == "both is ranked last, without a result: its member lstm has no result."
    assert any("the bake-off goes on" in message for message in messages)
    assert runner.resume(tmp_path / "run").verdict == outcome.verdict
    assert "lstm is ranked last" in outcome.report.read_text()
    with pytest.raises(UserError, match=r"Contestant 'lstm' of .* has no model: lstm: the (validation )?loss is nan"):
        bakeoff.load_classifier(tmp_path / "run", contestant="lstm")


def test_a_bake_off_without_any_result_says_why(tmp_path):
    config = {**CONFIG, "budget": {"epochs": 2}, "contestants": {"lstm": DIVERGING}}

    for go in (lambda path: runner.run(config, path), runner.resume):
        with pytest.raises(UserError, match=r"has a result:\n  - lstm: the (validation )?loss is nan"):
            go(tmp_path / "run")


def test_a_result_that_is_no_number_is_none(tmp_path):
    """The loss stays finite, but the perplexity overflows."""
    config = {
        "task": "language-model",
        "model": "stories260k",
        "data": {"text": "wikitext-2-part", "fraction": {"train": 0.01, "validation": 0.01, "test": 0.005}},
        "budget": {"tokens": 500},
        "contestants": {"pretrained": {}, "full": {"max_length": 64, "learning_rate": 50.0}},
        "evaluation": {"protocols": ["document"], "resamples": 50, "context_length": 128},
    }

    outcome = runner.run(config, tmp_path / "run")

    assert outcome.verdict.failed == {"full": "full: document(context=128) is not a finite number."}
    assert runner.resume(tmp_path / "run").verdict == outcome.verdict
