"""Every method that reads columns beside the text keeps the same promises about them."""

from __future__ import annotations

import dataclasses
import shutil
from typing import Any

import numpy as np
import pytest

from bakeoff.data.row_texts import RowTexts, picked, row_texts
from bakeoff.data.types import SplitTable
from bakeoff.errors import UserError
from bakeoff.methods.gradient import GradientMethod
from bakeoff.methods.registry import get_classification_method, method_names
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.sections import Budget
from bakeoff.tasks.classifier import Classifier, load_classifier
from bakeoff.training import measuring
from tests.baking import bake, plan
from tests.methods.small_data import small_table
from tests.methods.table_columns.small_rows import columns_are_noise, columns_decide, with_columns
from tests.methods.test_contract import StopsAt, files, small_config

pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = [
    name for name in method_names("classification") if "features" in get_classification_method(name).config.model_fields
]
every_method = pytest.mark.parametrize("name", NAMES)
READING: dict[str, dict[str, Any]] = {
    "estimator": {"features": True, "estimator": "tests.methods.estimator.models:reading_columns"}
}
TABLE = columns_decide()


@dataclasses.dataclass(frozen=True)
class Trained:
    config: Any
    folder: ContestantFolder

    @property
    def classifier(self) -> Classifier:
        return load_classifier(self.folder.model)


def trained_on(table: SplitTable, name: str, folder: ContestantFolder, epochs: int = 4, **changes: Any) -> Trained:
    config = small_config("classification", name, **{**READING.get(name, {}), **changes})
    config = config.model_copy(update={"budget": Budget(epochs=epochs)})
    folder.write_result(bake(config, name, table, folder))
    return Trained(config, folder)


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    done: dict[str, Trained] = {}

    def trained(name: str) -> Trained:
        if name not in done:
            done[name] = trained_on(TABLE, name, ContestantFolder(tmp_path_factory.mktemp(name) / name))
        return done[name]

    return trained


def accuracy(trained: Trained) -> float:
    return trained.folder.result().metrics[0].value


def test_these_methods_read_columns():
    assert NAMES == ["linear", "estimator", "embedding", "transformer"]


@every_method
def test_columns_decide_where_texts_tell_nothing(train, name):
    assert accuracy(train(name)) >= 0.9
    assert train(name).folder.result().columns == ["country", "price"]


@every_method
def test_an_answer_depends_on_the_cells_and_on_nothing_but_its_own_row(train, name):
    classifier, test = train(name).classifier, TABLE.test.texts
    together = classifier.probabilities(test)

    order = list(range(len(test)))[::-1]
    backwards = classifier.probabilities(picked(test, order))[::-1]
    alone = classifier.probabilities(test[3:4])

    assert backwards == pytest.approx(together, rel=1e-4, abs=1e-6)
    assert alone == pytest.approx(together[3:4], rel=1e-4, abs=1e-6)
    first = np.argmax(together, axis=1)
    assert (first == np.asarray(TABLE.test.labels)).mean() >= 0.9


@every_method
def test_unknown_categories_and_missing_cells_have_answers(train, name):
    classifier = train(name).classifier
    columns = {"country": ["atlantis", None, "de", 3], "price": [None, "inf", "no number", "1e300"]}

    odd = classifier.probabilities(row_texts(["", "?!", "the film", "日本語"], columns))
    alone = classifier.probabilities(["the film"])

    assert np.isfinite(odd).all()
    assert alone == pytest.approx(classifier.probabilities(row_texts(["the film"], {"country": [None]})))


@every_method
def test_without_features_it_is_the_model_of_the_text_alone(tmp_path, name):
    table, changes = columns_are_noise(), {"features": False}
    changes |= {"estimator": "tests.methods.estimator.models:seeded"} if name == "estimator" else {}

    reading_none = trained_on(table, name, ContestantFolder(tmp_path / "none"), 1, **changes)
    text_alone = trained_on(small_table(), name, ContestantFolder(tmp_path / "alone"), 1, **changes)

    assert files(reading_none.folder.model) == files(text_alone.folder.model)
    assert reading_none.folder.result().columns == []


@every_method
def test_noise_does_little_harm(tmp_path, name):
    if name == "transformer":
        pytest.skip("its small model learns nothing from these texts")
    noisy = trained_on(columns_are_noise(), name, ContestantFolder(tmp_path / "noise"))
    assert accuracy(noisy) >= 0.85


@every_method
def test_several_labels(tmp_path, name):
    if name == "estimator":
        pytest.skip("somebody else's code")
    table = columns_decide(several=True)
    trained = trained_on(table, name, ContestantFolder(tmp_path / name))

    found = trained.classifier.probabilities(table.test.texts)[:, 0]

    assert ((found > 0.5) == table.test.sets[:, 0]).mean() >= 0.85


@every_method
def test_a_second_fit_or_a_resumed_one_ends_with_the_same_model(train, tmp_path, name):
    whole, again = train(name), ContestantFolder(tmp_path / name)
    if isinstance(get_classification_method(name), GradientMethod):
        middle = StopsAt(whole.folder.result().training.steps * 3 // 4)
        with pytest.raises(KeyboardInterrupt):
            bake(whole.config, name, TABLE, again, middle)

    bake(whole.config, name, TABLE, again)

    assert files(again.model) == files(whole.folder.model)


@every_method
def test_a_plan_counts_the_columns(train, monkeypatch, name):
    monkeypatch.setattr(measuring, "MEASURED_SECONDS", 0.05)
    trained = train(name)
    planned, result = plan(trained.config, TABLE)[name], trained.folder.result()

    assert planned.total_parameters in (None, result.total_parameters)
    assert planned.model_bytes == pytest.approx(result.model_bytes, rel=0.25, abs=2000)


@every_method
def test_no_file_of_a_model_is_pickled(train, name):
    endings = {path.suffix for path in train(name).folder.model.rglob("*") if path.is_file()}
    assert endings <= {".json", ".safetensors", ".skops", ".jinja", ".txt", ".sha256", ".md", ".model"}


@every_method
def test_an_explanation_says_what_a_column_adds(train, name):
    explanation = train(name).classifier.explain("the film was seen", features={"country": "de", "price": 7})

    assert explanation.label == TABLE.label_names[1]
    assert explanation.columns[0].contribution > 0
    assert {column.column: column.value for column in explanation.columns} == {"country": "de", "price": "7"}


def test_the_contribution_of_a_column_to_a_linear_model_is_its_weight(train):
    classifier = train("linear").classifier
    model = classifier.model
    encoded = model.columns.encode(RowTexts(["the film"] * 2, {"country": ["de"] * 2, "price": ["9.5", None]}))

    explanation = classifier.explain("the film", features={"country": "de", "price": 9.5}, label="good")

    weights = model.weights[0, -model.columns.size :]
    price = next(column for column in explanation.columns if column.column == "price")
    assert price.contribution == pytest.approx((encoded[0] - encoded[1]) @ weights / classifier.temperature, rel=1e-5)


def test_a_damaged_file_of_columns_is_said_to_be_damaged(train, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(train("linear").folder.model, folder)
    (folder / "columns.json").write_text("no json")

    with pytest.raises(UserError):
        load_classifier(folder)


@pytest.mark.parametrize(("columns", "said"), [({}, "none are named"), ({"text": ["1"]}, "a column 'text'")])
def test_an_estimator_that_cannot_get_its_data_frames_is_refused(columns, said):
    table = small_table()
    if columns:
        parts = {name: getattr(table, name) for name in ("train", "validation", "test")}
        cells = {name: {"text": ["1"] * len(part)} for name, part in parts.items()}
        rows = {
            name: dataclasses.replace(part, texts=RowTexts(part.texts, cells[name])) for name, part in parts.items()
        }
        table = dataclasses.replace(table, **rows)
    config = small_config("classification", "estimator", **READING["estimator"])
    with pytest.raises(UserError, match=f"contestants.svm.*{said}"):
        get_classification_method("estimator").check("svm", config.contestants["estimator"], table)


@pytest.mark.parametrize(
    "name", [name for name in method_names("classification") if name not in NAMES and name != "ensemble"]
)
def test_other_methods_take_the_text_alone(tmp_path, name):
    folder = ContestantFolder(tmp_path / name)
    trained = trained_on(with_columns(small_table(rows=32), telling=False), name, folder, epochs=1)

    assert folder.result().columns == trained.classifier.columns == []
    assert np.isfinite(folder.result().metrics[0].value)


def test_an_ensemble_reads_what_a_member_reads(train, tmp_path):
    member = train("linear")
    config = small_config("classification", "ensemble", members=["linear", "majority"])
    majority = trained_on(TABLE, "majority", ContestantFolder(tmp_path / "majority"))
    members = {"linear": member.folder, "majority": majority.folder}
    folder = ContestantFolder(tmp_path / "ensemble")
    folder.write_result(bake(config, "ensemble", TABLE, folder, earlier=members))

    assert folder.result().columns == ["country", "price"]
    assert folder.result().metrics[0].value == accuracy(member)


def test_a_network_with_a_linear_part_reads_columns_too(tmp_path):
    linear_part = {"min_document_frequency": 1}
    folder = ContestantFolder(tmp_path / "both")
    trained = trained_on(TABLE, "transformer", folder, epochs=2, linear_part=linear_part)

    cells = {"country": ["de", "us"], "price": ["6", "0"]}
    rows = trained.classifier.probabilities(row_texts(["the film was seen"] * 2, cells))
    assert rows[0, 1] > rows[1, 1]
    assert trained.classifier.model.parameters == folder.result().total_parameters


@pytest.mark.parametrize("name", ["transformer", "lstm"])
def test_a_linear_part_reads_the_text_alone_in_plans_too(monkeypatch, name):
    monkeypatch.setattr(measuring, "MEASURED_SECONDS", 0.05)
    config = small_config("classification", name, linear_part={"min_document_frequency": 1})

    assert plan(config, TABLE)[name].total_parameters

    with pytest.raises(UserError, match="linear_part reads the text alone"):
        small_config("classification", name, linear_part={"features": True})
