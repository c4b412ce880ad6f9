"""The method from config to result: what is saved, what is chosen, what is refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
import transformers

from bakeoff.config.load import load_config
from bakeoff.errors import UserError
from bakeoff.methods.embedding import cache
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.tasks.classifier import load_classifier
from tests.baking import bake, plan
from tests.methods.small_data import config, small_table
from tests.methods.small_transformers import model_folder

TABLE = small_table()

pytestmark = pytest.mark.usefixtures("one_thread")


def config_of(model, **settings):
    return config({"embedding": {"model": str(model), "precision": "fp32", **settings}})


def accuracy(result) -> float:
    return next(metric.value for metric in result.metrics if metric.name == "accuracy")


@pytest.mark.parametrize("static", [False, True])
def test_it_learns_what_one_word_says(tmp_path, static):
    folder = ContestantFolder(tmp_path / "baked")

    result = bake(config_of(model_folder(tmp_path / "m", "bert"), static=static), "embedding", TABLE, folder)

    assert accuracy(result) > 0.75  # with random weights
    assert result.trainable_parameters < 100
    assert result.total_parameters > result.trainable_parameters
    assert result.training.precision == "fp32"
    explained = load_classifier(folder.model).explain("the fine film")
    assert explained.words[0].word == "fine"


def test_a_static_model_needs_its_base_no_more(tmp_path):
    model, folder = model_folder(tmp_path / "m", "bert"), ContestantFolder(tmp_path / "baked")
    bake(config_of(model, static=True), "embedding", TABLE, folder)
    before = load_classifier(folder.model).probabilities(TABLE.test.texts)
    shutil.rmtree(model)

    assert np.array_equal(load_classifier(folder.model).probabilities(TABLE.test.texts), before)


def test_the_layer_is_chosen_by_the_validation_split_and_only_it_is_loaded(tmp_path):
    folder = ContestantFolder(tmp_path / "baked")

    result = bake(config_of("stories260k", max_length=32), "embedding", TABLE, folder)

    (note,) = [note for note in result.notes if "was chosen" in note]
    losses = dict(part.split(": ") for part in note.split("by layer: ")[1].rstrip(".").split(", "))
    assert list(losses) == ["1", "2", "3", "4"]
    best = min(losses, key=lambda layer: float(losses[layer]))
    assert result.settings["layer"] == int(best)
    assert json.loads((folder.model / "embedding.json").read_text())["layer"] == int(best)
    assert not list(folder.model.glob("model*"))


def test_a_second_contestant_takes_vectors_from_the_cache_and_counts_their_time(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path / "cache")
    model = model_folder(tmp_path / "m", "bert")
    first = bake(config_of(model), "embedding", TABLE, ContestantFolder(tmp_path / "one"))
    planned = plan(config_of(model), TABLE)["embedding"]

    second = bake(config_of(model), "embedding", TABLE, ContestantFolder(tmp_path / "two"))

    assert first.notes == []
    assert second.notes == ["Vectors of 120 of 120 texts were in the cache; the time counts their computation."]
    assert "Vectors of 120 of 120 texts are in the cache." in planned.notes
    assert second.metrics == first.metrics
    assert second.training.seconds > 0


def test_another_model_under_the_same_name_is_refused(tmp_path):
    model, folder = model_folder(tmp_path / "m", "bert"), ContestantFolder(tmp_path / "baked")
    bake(config_of(model), "embedding", TABLE, folder)
    other = transformers.AutoModel.from_pretrained(model)
    torch.nn.init.zeros_(other.encoder.layer[0].output.dense.weight)
    other.save_pretrained(model)

    with pytest.raises(UserError, match="is another one than when this contestant was trained"):
        load_classifier(folder.model)


def test_a_damaged_description_is_refused(tmp_path):
    folder = ContestantFolder(tmp_path / "baked")
    bake(config_of(model_folder(tmp_path / "m", "bert")), "embedding", TABLE, folder)
    (folder.model / "embedding.json").write_text("{}")

    with pytest.raises(UserError, match=r"embedding\.json is missing or damaged"):
        load_classifier(folder.model)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"layer": 0}, "must be a whole number above 0, or `auto`"),
        ({"layer": "middle"}, "must be a whole number above 0, or `auto`"),
        ({"layer": 3, "static": True}, "layer is for `static: false`"),
        ({"max_length": 64, "static": True}, "max_length is for `static: false`"),
        ({"pooling": "cls"}, "pooling"),
    ],
)
def test_settings_that_cannot_be_meant(settings, said):
    with pytest.raises(UserError) as caught:
        load_config({"task": "classification", "data": {"table": "small.csv"}, "contestants": {"embedding": settings}})

    assert said in str(caught.value)


def test_a_resolved_config_is_a_config():
    resolved = load_config(
        {"task": "classification", "data": {"table": "small.csv"}, "contestants": {"embedding": {"static": True}}}
    )

    assert resolved.contestants["embedding"].model == "minilm-l6"
    assert load_config(resolved.model_dump(mode="json")) == resolved
