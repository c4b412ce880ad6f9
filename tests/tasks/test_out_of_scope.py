"""Texts that belong to no class, from the table to the verdict, and from the disk to the prediction."""

from __future__ import annotations

import json
import random

import pytest

from bakeoff.config.load import load_config
from bakeoff.data.config import TableData
from bakeoff.data.tables import prepare_table
from bakeoff.errors import UserError
from bakeoff.runner import run
from bakeoff.runs.folder import RunFolder
from bakeoff.tasks.classifier import Classifier, load_classifier
from tests.command import bakeoff
from tests.serve.servers import running

pytestmark = pytest.mark.usefixtures("one_thread")

TELLING = {"money": ["invoice", "refund"], "login": ["password", "account"], "oos": ["weather", "recipe", "moon"]}
FILLERS = "please tell me about my that is not here since the last week again".split()  # noqa: SIM905
FAR = "a moon recipe for the weather"


def rows(count: int = 240) -> list[dict[str, str]]:
    chance, made = random.Random(4), []
    for row in range(count):
        label = chance.choice(["money", "money", "login", "login", "oos"])
        words = [*chance.choices(FILLERS, k=3), *chance.choices(TELLING[label], k=3), str(row)]
        made.append({"text": " ".join(words), "label": label})
    return made


def written(path, table: list[dict[str, str]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in table))
    return str(path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> RunFolder:
    folder = tmp_path_factory.mktemp("scope")
    values = {
        "task": "classification",
        "data": {"table": written(folder / "table.jsonl", rows()), "out_of_scope": "oos"},
        "budget": {"epochs": 1},
        "contestants": {"majority": {}, "linear": {}},
        "evaluation": {"resamples": 50},
    }
    return RunFolder(run(values, folder / "run").folder)


def test_they_are_no_class_and_measured(finished):
    data = finished.data()
    assert all(set(split.labels) == {"login", "money"} for split in data.splits)
    assert data.out_of_scope is not None
    given = sum(row["label"] == "oos" for row in rows())
    assert data.out_of_scope.choosing + data.out_of_scope.test == given
    assert any("were moved to the validation split" in note for note in data.notes)
    for name in ("majority", "linear"):
        contestant = finished.contestant(name)
        found, table = contestant.result().out_of_scope, contestant.out_of_scope()
        assert found is not None
        assert found.choosing_texts == data.out_of_scope.choosing
        assert table["out_of_scope"].to_pylist().count(True) == found.texts == data.out_of_scope.test
        assert load_classifier(finished.path, contestant=name).out_of_scope_threshold == found.threshold
    majority, linear = (finished.contestant(name).result().out_of_scope for name in ("majority", "linear"))
    assert majority.auroc.value == 0.5
    assert linear.auroc.value > 0.9
    (pair,) = finished.verdict().out_of_scope
    assert (pair.first, pair.second) == ("linear", "majority")
    assert pair.differences["auroc"].value == pytest.approx(linear.auroc.value - 0.5)
    assert any("Out of scope" in sentence for sentence in finished.verdict().sentences)


def test_the_file_of_confidences_is_checked(finished):
    assert "out_of_scope.parquet" in (finished.contestant("linear").path / "checksums.json").read_text()


def test_predictions_can_be_none_of_these(finished):
    near, far = load_classifier(finished.path, contestant="linear").predict(["refund my invoice refund", FAR])
    assert (near.label, near.out_of_scope) == ("money", False)
    assert (far.label, far.out_of_scope) == (None, True)
    assert far.probability == max(far.probabilities.values())
    assert far.nearest in far.probabilities
    assert far.answer(0.0) is None


def test_predict_says_so(finished):
    said = bakeoff("predict", str(finished.path), FAR, "--contestant", "linear").out
    assert "none of these" in said
    answer = json.loads(bakeoff("predict", str(finished.path), FAR, "--contestant", "linear", "--json").out)
    (prediction,) = answer["predictions"]["linear"]
    assert (prediction["label"], prediction["out_of_scope"]) == (None, True)


@pytest.mark.parametrize(("threshold", "abstained"), [("0", False), ("1", True)])
def test_a_threshold_is_not_the_reason_of_what_is_out_of_scope(finished, threshold, abstained):
    asked = ("predict", str(finished.path), FAR, "--contestant", "linear", "--threshold", threshold)
    typed = bakeoff(*asked, "--json")
    (prediction,) = typed.json["predictions"]["linear"]
    assert (prediction["label"], prediction["out_of_scope"], prediction["abstained"]) == (None, True, abstained)
    assert ("no label for 1 of 1 texts" in typed.err) == abstained
    assert "none of these" in bakeoff(*asked).out


def test_explain_says_so(finished):
    asked = ("explain", str(finished.path), "--contestant", "linear")
    classifier = load_classifier(finished.path, contestant="linear")
    near, far = (classifier.predict([text])[0].nearest for text in ("refund my invoice refund", FAR))
    assert f"linear: none of these ({far}?) 0." in bakeoff(*asked, FAR).out
    assert f"linear: {near} 0." in bakeoff(*asked, "refund my invoice refund").out
    (explanation,) = bakeoff(*asked, FAR, "--json").json["explanations"]["linear"]
    assert (explanation["label"], explanation["out_of_scope"]) == (far, True)


def test_the_most_probable_label_is_explained_although_costs_prefer_another(finished):
    classifier = load_classifier(finished.path, contestant="linear")
    far = classifier.predict([FAR])[0].nearest
    wrong = [[0.0, 100.0], [0.0, 0.0]] if far == classifier.labels[1] else [[0.0, 0.0], [100.0, 0.0]]
    costly = Classifier(
        classifier.labels, classifier.model, costs=wrong, out_of_scope_threshold=classifier.out_of_scope_threshold
    )
    assert costly.explain(FAR).label == costly.predict([FAR])[0].nearest == far


def test_the_server_says_so(finished):
    with running([finished.path]) as client:
        answer = client.post("/v1/classify", json={"texts": [FAR], "explain": True}).json()
    (prediction,) = answer["data"][-1]["predictions"]
    assert (prediction["label"], prediction["out_of_scope"]) == (None, True)


def test_the_reports_have_a_section(finished):
    page, text = (finished.path / f"report.{kind}" for kind in ("html", "md"))
    assert 'id="out-of-scope"' in page.read_text()
    assert "ROC curve of out-of-scope texts" in page.read_text()
    assert "## Out of scope" in text.read_text()
    assert "Joint accuracy" in bakeoff("resume", str(finished.path)).out


def test_rows_of_the_training_split_are_moved(tmp_path):
    table = [{**row, "split": ["train", "validation", "test"][number % 3]} for number, row in enumerate(rows(90))]
    data = TableData(table=written(tmp_path / "given.jsonl", table), out_of_scope="oos", split={"column": "split"})
    split, _ = prepare_table(data, seed=1)
    assert split.out_of_scope is not None
    label = {row["text"]: row["label"] for row in table}
    assert all(label[text] != "oos" for part in (split.train, split.validation, split.test) for text in part.texts)
    where = {"choosing": ("train", "validation"), "test": ("test",)}
    for part, names in where.items():
        expected = {row["text"] for row in table if row["label"] == "oos" and row["split"] in names}
        assert set(getattr(split.out_of_scope, part).texts) == expected


def test_the_rows_of_the_classes_are_split_as_without_them(tmp_path):
    """A label set apart does not take part in anything else: the names of the classes keep their indices."""
    path = written(tmp_path / "table.jsonl", rows())
    split, _ = prepare_table(TableData(table=path, out_of_scope="oos"), seed=1)
    assert split.label_names == ["login", "money"]
    label = {row["text"]: row["label"] for row in rows()}
    for part in (split.train, split.validation, split.test):
        assert [split.label_names[index] for index in part.labels] == [label[text] for text in part.texts]


@pytest.mark.parametrize(
    ("label", "told"),
    [("oss", "did you mean 'oos'"), ("login", None)],
)
def test_a_label_that_no_row_has_is_refused(tmp_path, label, told):
    data = TableData(table=written(tmp_path / "table.jsonl", rows(60)), out_of_scope=label)
    if told is None:
        assert prepare_table(data, seed=1)[0].label_names == ["money", "oos"]
        return
    with pytest.raises(UserError, match=told):
        prepare_table(data, seed=1)


def test_several_labels_folds_and_missing_test_rows_are_refused(tmp_path):
    several = [
        {"text": row["text"], "label": [row["label"], "all"][: 1 + number % 2]} for number, row in enumerate(rows(60))
    ]
    with pytest.raises(UserError, match="can have several"):
        prepare_table(TableData(table=written(tmp_path / "several.jsonl", several), out_of_scope="oos"), seed=1)
    with pytest.raises(UserError, match="needs one validation and one test split"):
        load_config(
            {
                "task": "classification",
                "data": {"table": "a.csv", "out_of_scope": "oos", "split": {"folds": 3}},
                "contestants": {"majority": {}},
            }
        )
    table = [{**row, "split": ["train", "validation", "test"][n % 3]} for n, row in enumerate(rows(90))]
    kept = [row for row in table if (row["label"], row["split"]) != ("oos", "test")]
    data = TableData(table=written(tmp_path / "given.jsonl", kept), out_of_scope="oos", split={"column": "split"})
    with pytest.raises(UserError, match="the label of no test row"):
        prepare_table(data, seed=1)
