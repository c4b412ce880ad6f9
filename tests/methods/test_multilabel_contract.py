"""Every method that takes texts with several labels keeps the same promises about them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bakeoff.methods.gradient import GradientMethod
from bakeoff.methods.registry import get_classification_method, method_names
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.tasks.classifier import Classifier, load_classifier
from tests.baking import bake, plan
from tests.methods.small_data import small_label_table
from tests.methods.test_contract import StopsAt, files, small_config

pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = [name for name in method_names("classification") if get_classification_method(name).multilabel]
every_method = pytest.mark.parametrize("name", NAMES)
TABLE = small_label_table()
LABELS = TABLE.label_names
ODD_TEXTS = ["", "  \n", "dull " * 200, "日本語", "fine"]


@pytest.fixture(scope="module")
def settings_for(tmp_path_factory):
    """Return settings that a method needs, such as a file of answers to these texts."""
    file = tmp_path_factory.mktemp("answers") / "answers.jsonl"
    rows = [
        {"text": text, **{f"p_{label}": 0.9 if has else 0.2 for label, has in zip(LABELS, row, strict=True)}}
        for part in (TABLE.validation, TABLE.test)
        for text, row in zip(part.texts, part.sets.tolist(), strict=True)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"predictions": {"file": str(file)}}


@dataclasses.dataclass(frozen=True)
class Trained:
    config: Any
    folder: ContestantFolder
    members: dict[str, ContestantFolder]

    @property
    def classifier(self) -> Classifier:
        return load_classifier(self.folder.model)


@pytest.fixture(scope="module")
def train(tmp_path_factory, settings_for):
    done: dict[str, Trained] = {}

    def trained(name: str) -> Trained:
        if name not in done:
            config = small_config("classification", name, **settings_for.get(name, {}))
            members = {member: trained(member).folder for member in config.contestants[name].builds_on}
            folder = ContestantFolder(tmp_path_factory.mktemp(name) / name)
            folder.write_result(bake(config, name, TABLE, folder, earlier=members))
            done[name] = Trained(config, folder, members)
        return done[name]

    return trained


@every_method
def test_a_label_has_a_probability_of_its_own(train, name):
    texts = [*(ODD_TEXTS if name != "predictions" else []), *TABLE.test.texts]
    classifier = train(name).classifier

    rows = classifier.probabilities(texts)

    assert rows.shape == (len(texts), len(TABLE.label_names))
    assert ((rows >= 0) & (rows <= 1)).all()
    assert not np.allclose(rows.sum(axis=1), 1)
    assert classifier.multilabel
    alone, backwards = classifier.probabilities(texts[-2:-1]), classifier.probabilities(texts[::-1])[::-1]
    assert alone == pytest.approx(rows[-2:-1], rel=1e-4, abs=1e-6)
    assert backwards == pytest.approx(rows, rel=1e-4, abs=1e-6)


@every_method
def test_what_is_measured_is_what_is_predicted(train, name):
    folder, test = train(name).folder, TABLE.test
    scores, result = folder.scores().to_pylist(), folder.result()

    predictions = train(name).classifier.predict(test.texts)

    assert [each.labels for each in predictions] == [row["predicted"] for row in scores]
    assert [score.texts for score in result.classes] == test.sets.sum(axis=0).tolist()
    assert result.metrics[0].name == "micro_f1"
    assert result.multilabel


@every_method
def test_what_is_counted_in_a_plan_is_what_then_happens(train, name):
    trained = train(name)
    planned, result = plan(trained.config, TABLE)[name], trained.folder.result()

    assert planned.total_parameters in (None, result.total_parameters)
    assert planned.model_bytes == pytest.approx(result.model_bytes, rel=0.25, abs=2000)


@every_method
def test_a_resumed_training_ends_with_the_same_model(train, tmp_path, name):
    if not isinstance(get_classification_method(name), GradientMethod):
        pytest.skip("it does not take steps")
    whole, again = train(name), ContestantFolder(tmp_path / name)
    with pytest.raises(KeyboardInterrupt):
        bake(whole.config, name, TABLE, again, StopsAt(whole.folder.result().training.steps * 3 // 4))

    bake(whole.config, name, TABLE, again)

    assert files(again.model) == files(whole.folder.model)


@every_method
def test_balanced_class_weights_make_a_rare_label_likelier(train, tmp_path, name):
    if "class_weights" not in get_classification_method(name).config.model_fields:
        pytest.skip("it offers no class weights")
    balanced = ContestantFolder(tmp_path / name)
    bake(small_config("classification", name, class_weights="balanced"), name, TABLE, balanced)

    plain, weighted = (
        load_classifier(folder.model).model.probabilities(TABLE.test.texts).mean(axis=0)[2]
        for folder in (train(name).folder, balanced)
    )

    assert weighted > plain + 0.01


@pytest.mark.parametrize("name", ["linear", "lstm", "ensemble"])
def test_every_label_is_learned(tmp_path, name):
    more = {"lstm": {"learning_rate": 0.03, "embedding_size": 16, "hidden_size": 16, "batch_size": 8}}.get(name, {})
    config = small_config("classification", name, **more)
    config = config.model_copy(update={"budget": config.budget.model_copy(update={"epochs": 12})})
    members = {}
    for member in config.contestants[name].builds_on:
        members[member] = ContestantFolder(tmp_path / member)
        members[member].write_result(bake(config, member, TABLE, members[member]))
    folder = ContestantFolder(tmp_path / name)
    bake(config, name, TABLE, folder, earlier=members)

    rows = load_classifier(folder.model).probabilities(TABLE.test.texts)

    assert roc_auc_score(TABLE.test.sets, rows, average=None).min() > 0.9
