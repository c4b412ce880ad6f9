"""Contestants that give a text several labels, from the table to the result, and from the disk to the prediction."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from bakeoff.config.load import load_config
from bakeoff.errors import UserError
from bakeoff.methods.registry import get_classification_method
from bakeoff.runner import run
from bakeoff.runs.folder import RunFolder
from bakeoff.tasks.classifier import load_classifier
from tests.command import bakeoff, refused

pytestmark = pytest.mark.usefixtures("one_thread")

TELLING = {"rude": ["idiot", "moron"], "lewd": ["damn", "crap"], "spam": ["cheap", "discount"]}
FILLERS = "the film and its plot were seen by many in a cinema last week people said so again".split()  # noqa: SIM905


def text(seed: int) -> str:
    return " ".join(random.Random(seed).choices(FILLERS, k=12))


def rows(count: int = 300) -> list[dict]:
    chance, made = random.Random(4), []
    for row in range(count):
        labels = [label for label, share in zip(TELLING, (0.4, 0.3, 0.15), strict=True) if chance.random() < share]
        words = chance.choices(FILLERS, k=12)
        words += [chance.choice(TELLING[label]) for label in labels if chance.random() < 0.9]
        chance.shuffle(words)
        made.append({"text": " ".join([*words, str(row)]), "labels": labels})
    return made


@pytest.fixture(scope="module")
def values(tmp_path_factory) -> dict:
    table = tmp_path_factory.mktemp("table") / "table.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows()))
    return {
        "task": "classification",
        "data": {"table": str(table)},
        "budget": {"epochs": 2},
        "contestants": {"majority": {}, "linear": {}, "words": {"method": "linear", "ngrams": "words"}},
        "evaluation": {"resamples": 50},
    }


@pytest.fixture(scope="module")
def finished(values, tmp_path_factory) -> RunFolder:
    return RunFolder(run(values, tmp_path_factory.mktemp("runs") / "one").folder)


@pytest.mark.parametrize("name", ["majority", "linear", "words"])
def test_scores_metrics_and_predictions_agree(finished, name):
    folder = finished.contestant(name)
    scores, result = folder.scores().to_pylist(), folder.result()
    classifier = load_classifier(finished.path, contestant=name)
    texts = {row["text"]: row["labels"] for row in rows()}
    named = {str(number): row["text"] for number, row in enumerate(rows(), start=1)}

    predictions = classifier.predict([named[row["document"]] for row in scores])

    assert classifier.multilabel
    for row, each in zip(scores, predictions, strict=True):
        assert row["label"] == sorted(texts[named[row["document"]]])
        assert row["predicted"] == each.labels
        assert each.probability == max(each.probabilities.values())
        for label, probability in each.probabilities.items():
            assert row[f"probability_{label}"] == pytest.approx(probability, abs=1e-9)
    subset = result.metric("subset_accuracy")
    assert subset.value == pytest.approx(np.mean([row["label"] == row["predicted"] for row in scores]))
    assert result.metrics[0].name == "micro_f1"
    assert result.metric("loss").value == pytest.approx(np.mean([row["loss"] for row in scores]))
    assert [score.label for score in result.classes] == ["lewd", "rude", "spam"]
    assert (result.calibration is None) == (name == "majority")


def test_linear_learns_what_the_baseline_cannot_and_the_verdict_says_so(finished):
    verdict = finished.verdict()
    assert verdict.best in ("linear", "words")
    assert "micro-F1" in verdict.summary[0]
    assert finished.contestant("linear").result().metrics[0].value > 0.8
    (beaten,) = (pair for pair in verdict.comparisons if pair.worse == "majority")
    assert beaten.distinguishable
    assert "loss" not in verdict.summary[0]


def test_reports_have_every_label(finished):
    page, markdown = finished.html_report.read_text(), finished.html_report.with_suffix(".md").read_text()
    for label in TELLING:
        assert f">{label}<" in page
        assert f"| {label} |" in markdown
    assert "<summary>1 more metric</summary>" in page
    assert "<summary>1 more metric</summary>" in markdown
    assert "F1 by label" in page
    assert "classwise ECE" in page
    assert "Confusion" not in page
    assert "moved by" in page
    for each in (page, markdown):
        assert "A text can have several labels, or none." in each
        assert "Thresholds were chosen on the validation split, unless the config gives a number" in each


def test_commands_predict_and_explain(finished):
    typed = bakeoff(
        "predict", finished.path, "an idiot with a discount", "the plot", "--contestant", "linear", "--json"
    )
    first, second = typed.json["predictions"]["linear"]
    assert (first["labels"], second["labels"]) == (["rude", "spam"], [])
    assert "label" not in first
    all_of_them = bakeoff("predict", finished.path, "the plot", "--contestant", "linear", "--threshold", "0", "--json")
    assert all_of_them.json["predictions"]["linear"][0]["labels"] == ["lewd", "rude", "spam"]
    said = bakeoff("predict", finished.path, "an idiot with a discount", "the plot", "--contestant", "linear").out
    assert "rude 0.9" in said
    assert "no label (" in said

    explained = bakeoff("explain", finished.path, "an idiot with a discount", "--label", "spam", "--json").json
    assert explained["explanations"]["linear"][0]["label"] == "spam"
    assert explained["explanations"]["linear"][0]["words"][0]["word"] == "discount"
    assert "did you mean 'spam'" in refused("explain", finished.path, "a", "--label", "spm")


def test_a_file_of_texts_gets_a_column_of_labels_and_one_of_each_probability(finished, tmp_path):
    out = tmp_path / "scored.jsonl"
    typed = bakeoff("predict", finished.path, "the film was damn crap by many", "--contestant", "linear", "--out", out)
    assert typed.code == 0, typed.err
    (row,) = map(json.loads, out.read_text().splitlines())
    assert row["labels"] == ["lewd"]
    assert set(row) == {"text", "labels", *(f"probability_{label}" for label in TELLING)}


def test_folds_test_every_text_once_with_the_thresholds_of_its_fold(values, tmp_path):
    data = {**values["data"], "split": {"folds": 3}}
    folder = RunFolder(run({**values, "data": data, "contestants": {"linear": {}}}, tmp_path / "run").folder)
    contestant = folder.contestant("linear")
    result, scores = contestant.result(), contestant.scores()

    assert (result.metrics[0].documents, result.metrics[0].folds) == (300, 3)
    assert len(result.metrics[0].by_fold) == 3
    assert set(scores["document"].to_pylist()) == {str(number) for number in range(1, 301)}
    of_folds = [row for fold in contestant.folds() for row in fold.scores().to_pylist()]
    assert scores.to_pylist() == of_folds


def test_a_method_that_learns_one_label_is_refused_before_anything_is_trained(values, tmp_path, monkeypatch):
    monkeypatch.setattr(type(get_classification_method("majority")), "multilabel", False)

    with pytest.raises(UserError, match="method majority learns one label for every text") as caught:
        run({**values, "contestants": {"linear": {}, "majority": {}}}, tmp_path / "run")

    assert "linear" in caught.value.hint
    assert "majority" not in caught.value.hint
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("evaluation", "expected"),
    [
        ({"metric": "accuracy"}, "evaluation.metric: accuracy is not defined"),
        ({"labels": ["rude", "lewd", "spam"]}, "evaluation.labels is for tables in which every text has one label"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_trained(values, tmp_path, evaluation, expected):
    with pytest.raises(UserError, match=expected):
        run({**values, "evaluation": evaluation}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_there_is_no_export(values, tmp_path):
    lstm = {"hidden_size": 4, "embedding_size": 4}
    folder = run({**values, "contestants": {"lstm": lstm}, "budget": {"epochs": 1}}, tmp_path / "run").folder
    assert "several labels, and exports are for one label" in refused("export", folder, "-o", tmp_path / "onnx")
    other_format = refused("export", folder, "-o", tmp_path / "onnx", "--to", "merged")
    assert "None of this run's contestants can be exported." in other_format
    assert not (tmp_path / "onnx").exists()


def test_a_config_that_was_stored_reads_as_it_was(values):
    config = load_config({**values, "data": {**values["data"], "label": ["a", "b"]}})
    assert load_config(config.model_dump(mode="json")) == config


def test_a_learning_curve_is_refused_and_where_it_fails_is_looked_for(values, tmp_path):
    with pytest.raises(UserError, match="learning_curve is for tables in which every text has one label"):
        run({**values, "learning_curve": [0.5, 1.0]}, tmp_path / "curve")

    placed = [{**row, "place": "home"} for row in rows()]
    for number, row in enumerate(placed[::2]):
        row |= {"text": f"{text(number)} {number}", "place": "abroad"}  # which says nothing of its labels
    table = tmp_path / "places.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in placed))
    folder = run({**values, "data": {"table": str(table)}}, tmp_path / "places").folder
    assert "abroad" in RunFolder(folder).html_report.read_text()
