"""A run whose trainings are carried out in copies of it is the run that this process would have made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import bakeoff
from bakeoff import runner, shared_run
from bakeoff.config.load import load_config
from bakeoff.errors import UserError
from bakeoff.execution.exchange import Exchange
from bakeoff.execution.schedule import Job
from bakeoff.runs.checksums import MANIFEST
from bakeoff.runs.folder import RunFolder
from bakeoff.shared_run import SharedRun, train_copy
from bakeoff.training.progress import Progress
from bakeoff.trainings import describe, list_trainings
from tests.command import refused
from tests.end_to_end.test_kill import everything_measured
from tests.methods.small_transformers import model_folder
from tests.real_runs import write_config_file

CONFIG = {
    "task": "classification",
    "budget": {"epochs": 1},
    "contestants": {
        "linear": {"tune": {"trials": 2, "at_once": 2, "settings": ["inverse_regularization"]}},
        "lstm": {"embedding_size": 4, "hidden_size": 4},
        "both": {"method": "ensemble", "members": ["linear", "lstm"]},
    },
    "evaluation": {"resamples": 20},
}


@pytest.fixture
def config(tmp_path: Path) -> dict[str, object]:
    """A config that names its data by a pattern, as somebody does whose table comes in parts."""
    rows = [f"{'good' if row % 2 else 'bad'} film number {row},{'yes' if row % 2 else 'no'}\n" for row in range(60)]
    (tmp_path / "parts").mkdir()
    for part in range(2):
        (tmp_path / "parts" / f"{part}.csv").write_text("text,label\n" + "".join(rows[part::2]))
    return {**CONFIG, "data": {"table": str(tmp_path / "parts" / "*.csv")}}


def in_copies(config: dict[str, Any], path: Path, *hidden: Path) -> tuple[RunFolder, RunFolder]:
    """Return a run of this process, and one whose trainings were carried out in a copy that names no place of its own.

    Args:
        path: Where both are, and the storage.
        hidden: Files and folders that the other machine does not see.
    """
    whole = RunFolder(runner.run(config, path / "whole").folder)
    run = RunFolder(path / "run")
    shutil.copytree(whole.path, run.path)
    shutil.rmtree(run.path / "contestants")
    checked = load_config(run.config_values())
    shared = SharedRun((path / "store").as_uri(), run, checked)
    shared.publish()
    for place in hidden:
        place.rename(place.with_name(f"hidden-{place.name}"))
    for number in range(1, len(list_trainings(run, checked)) + 1):
        train_copy(shared.url, "session", number, Progress())
        shared.collect(number)
    for place in hidden:
        place.with_name(f"hidden-{place.name}").rename(place)
    home = shared_run._copied(shared.url, "session").home
    home.cleanup()
    shared_run._copied.cache_clear()
    for file in run.path.rglob("*"):
        assert file.is_dir() or home.name.encode() not in file.read_bytes(), file
    return whole, run


def test_in_copies_as_here(config, tmp_path):
    whole, run = in_copies(config, tmp_path, tmp_path / "parts")

    assert everything_measured(run.path) == everything_measured(whole.path)
    assert not [*run.path.rglob("trials"), *run.path.rglob("checkpoint")]


def test_a_file_whose_name_could_be_a_pattern(config, tmp_path):
    first, second = sorted((tmp_path / "parts").iterdir())
    file = tmp_path / "reviews[1].csv"
    file.write_text(first.read_text() + second.read_text().partition("\n")[2])
    config |= {"data": {"table": str(file)}, "contestants": {"majority": {}}}

    whole, run = in_copies(config, tmp_path, file)

    assert everything_measured(run.path) == everything_measured(whole.path)


def test_folders_that_a_pattern_matches_are_left_out(config, tmp_path):
    (tmp_path / "parts" / "older.csv").mkdir()

    files = shared_run._named_files(load_config(config))

    assert sorted(file.name for file in files.values()) == ["0.csv", "1.csv"]


def test_classifiers_name_the_files_of_the_machine_where_the_run_began(config, tmp_path):
    encoder = model_folder(tmp_path / "encoder", "bert")
    rows = [row for part in (tmp_path / "parts").iterdir() for row in part.read_text().splitlines()[1:]]
    (tmp_path / "answers.csv").write_text("\n".join(["text,prediction", *rows]))
    (tmp_path / "unlabeled.txt").write_text("good film\nbad film\n" * 20)
    contestants = {
        "adapted": {"method": "transformer", "model": str(encoder), "tuning": "lora", "max_length": 32},
        "tuned": {"method": "transformer", "model": str(encoder), "max_length": 32},
        "embedding": {"model": str(encoder)},
        "lstm": {**CONFIG["contestants"]["lstm"], "pretrain": {"text": str(tmp_path / "unlabeled.txt"), "epochs": 1}},
        "answers": {"method": "predictions", "file": str(tmp_path / "answers.csv")},
    }
    files = (encoder, tmp_path / "answers.csv", tmp_path / "unlabeled.txt", tmp_path / "parts")

    _, run = in_copies({**config, "contestants": contestants}, tmp_path, *files)

    for name in ("adapted", "embedding"):
        pointer = run.path / "contestants" / name / "model" / "base_model.json"
        assert json.loads(pointer.read_text()) == {"base_model": str(encoder)}
        assert bakeoff.load_classifier(run.path, contestant=name).predict(["a good film"])


def test_language_models_name_the_files_of_the_machine_where_the_run_began(tmp_path):
    model = model_folder(tmp_path / "model", "llama")
    config = {
        "task": "language-model",
        "model": str(model),
        "data": {"text": "wikitext-2-part", "fraction": {"train": 0.01, "validation": 0.01, "test": 0.005}},
        "budget": {"tokens": 500},
        "contestants": {"pretrained": {}, "lora": {"max_length": 32}},
        "evaluation": {"protocols": ["document"], "resamples": 20, "context_length": 64},
    }

    whole, run = in_copies(config, tmp_path, model)

    assert everything_measured(run.path) == everything_measured(whole.path)
    for name in ("pretrained", "lora"):
        assert bakeoff.load_language_model(str(run.path / "contestants" / name)).name
    adapter = json.loads((run.path / "contestants" / "lora" / "model" / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == str(model)


def test_what_has_come_in_part_comes_again(config, tmp_path, monkeypatch):
    """A contestant would be finished without its model, which would then be removed from the storage, too."""
    run = RunFolder(
        runner.run({**config, "contestants": {"lstm": CONFIG["contestants"]["lstm"]}}, tmp_path / "run").folder
    )
    checked, own = load_config(run.config_values()), run.contestant("lstm").path
    before = {path: path.read_bytes() for path in own.rglob("*") if path.is_file()}
    SharedRun((tmp_path / "store").as_uri(), run, checked).publish()
    shutil.rmtree(own)
    receive = Exchange._receive

    def cut_off(self: Exchange, source: str, file: Path, *rest: object) -> None:
        if file.parent.name == "model":
            raise UserError("The storage cannot be read.")
        receive(self, source, file, *rest)  # type: ignore[arg-type]

    shared = SharedRun((tmp_path / "store").as_uri(), run, checked)
    monkeypatch.setattr(Exchange, "_receive", cut_off)
    with pytest.raises(UserError, match="cannot be read"):
        shared.collect(1)
    monkeypatch.undo()
    shared.fetch()
    shared.publish()

    assert {path: path.read_bytes() for path in own.rglob("*") if path.is_file()} == before
    names = {path.relative_to(run.path).as_posix() for path in before}
    assert set(Exchange(shared.url).index("trainings/1")) == names


def test_a_storage_that_holds_another_run_is_refused(config, tmp_path):
    whole = runner.run(config, tmp_path / "a" / "run").folder
    other = runner.run({**config, "seed": 13}, tmp_path / "b" / "run").folder
    first, second = (
        SharedRun((tmp_path / "store").as_uri(), RunFolder(path), load_config(RunFolder(path).config_values()))
        for path in (whole, other)
    )
    first.must_be_free()
    first.publish()

    with pytest.raises(UserError, match="already holds a run"):
        second.must_be_free()
    with pytest.raises(UserError, match="holds another run"):
        second.fetch()
    RunFolder(whole).change_config_file({**RunFolder(whole).config_values(), "tracker": "mlflow"})  # `resume --set`
    manifest = whole / MANIFEST
    manifest.write_text(manifest.read_text() + "\n")  # as a verdict or traits that came later would
    first.fetch()


def test_code_of_this_machine_goes_nowhere(tmp_path):
    values = {**CONFIG, "data": {"table": "sentence-polarity"}}
    values["contestants"] = {"mine": {"method": "estimator", "estimator": "models:make"}}
    (tmp_path / "models.py").write_text("from sklearn.dummy import DummyClassifier as make\n")

    said = refused(
        *("run", write_config_file(tmp_path / "a.yaml", values), "-o", tmp_path / "run"),
        *("--on", "ray", "--storage", (tmp_path / "store").as_uri()),
    )

    assert "mine runs code of this machine, which --storage does not carry" in said
    assert not (tmp_path / "store").exists()
    assert not (tmp_path / "run").exists()


def test_each_training_that_another_one_builds_on_is_looked_at_once(tmp_path, monkeypatch):
    """Each trial of a search needs all of the rounds before it: there are millions of ways from one to another."""
    values = {**CONFIG, "data": {"table": "sentence-polarity"}}
    tune = {"trials": 100, "at_once": 10, "settings": ["inverse_regularization"]}
    checked = load_config({**values, "contestants": {"linear": {"tune": tune}}})
    trainings = list_trainings(RunFolder(tmp_path / "run"), checked)
    looked_at: list[int] = []

    def counted(*arguments: Any) -> Job:
        looked_at.append(arguments[2])
        return describe(*arguments)

    monkeypatch.setattr(shared_run, "describe", counted)

    assert shared_run._with_needed(checked, trainings, 101) == set(range(1, 102))
    assert sorted(looked_at) == list(range(1, 102))
