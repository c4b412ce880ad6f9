"""A pretrained model beside a linear one, through the command line."""

from __future__ import annotations

import pytest
import transformers

from tests.command import bakeoff, refused
from tests.real_runs import write_config_file

CONFIG = {
    "task": "classification",
    "data": {"table": "sentence-polarity", "rows": 200},
    "budget": {"epochs": 1},
    "contestants": {
        "linear": {},
        "transformer": {"model": "stories260k", "max_length": 64},
        "all-weights": {"method": "transformer", "model": "stories260k", "tuning": "full", "max_length": 64},
    },
    "evaluation": {"resamples": 100},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transformer")
    typed = bakeoff("run", write_config_file(folder / "small.yaml", CONFIG), "-o", folder / "run", "--json")
    assert typed.code == 0, typed.err
    return folder / "run", typed.json


def test_it_is_judged_as_the_others_are(run):
    _, found = run

    metrics = {result["name"]: [metric["name"] for metric in result["metrics"]] for result in found["results"]}
    assert metrics["transformer"] == metrics["all-weights"] == metrics["linear"]
    by_name = {result["name"]: result for result in found["results"]}
    assert by_name["transformer"]["trainable_parameters"] < by_name["all-weights"]["trainable_parameters"]


def test_it_predicts(run):
    typed = bakeoff("predict", run[0], "A fine film", "", "--json")

    assert typed.code == 0, typed.err
    for predictions in typed.json["predictions"].values():
        assert len(predictions) == 2
        assert sum(predictions[1]["probabilities"].values()) == pytest.approx(1)


def test_resuming_a_finished_run_changes_nothing(run):
    typed = bakeoff("resume", run[0], "--json")

    assert typed.json["results"] == run[1]["results"]


def test_its_model_is_transformers_own_and_the_card_says_so(run):
    model = run[0] / "contestants" / "all-weights" / "model"

    assert transformers.AutoModelForSequenceClassification.from_pretrained(model).config.num_labels == 2
    card = (model / "README.md").read_text()
    assert "library_name: transformers" in card
    assert "A text classifier on the pretrained `stories260k` (full fine-tuning)" in card
    assert "library_name: peft" in (run[0] / "contestants" / "transformer" / "model" / "README.md").read_text()


def test_a_mistyped_model_is_refused_and_leaves_no_folder(tmp_path):
    changed = {**CONFIG, "contestants": {"transformer": {"model": "./storys260k"}}}
    path = write_config_file(tmp_path / "small.yaml", changed)

    said = " ".join(refused("run", path, "-o", tmp_path / "run").split())

    assert "There is no model ./storys260k" in said
    assert "Did you mean stories260k?" in said
    assert not (tmp_path / "run").exists()


def test_a_folder_beside_the_spec_is_kept_by_its_full_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changed = {**CONFIG, "contestants": {"transformer": {"model": "stories260k"}}}
    (tmp_path / "stories260k").mkdir()  # a packaged name stays what it is

    typed = bakeoff("plan", write_config_file(tmp_path / "small.yaml", changed), "--json")

    assert typed.code == 0, typed.err
    (plan,) = typed.json["contestants"]
    assert plan["method"] == "transformer"
    assert plan["training_seconds"] > 0
