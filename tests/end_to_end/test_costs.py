"""Costs of mistakes and ordered labels, from the config to the verdict and to the labels of new texts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

import bakeoff
from bakeoff.errors import UserError
from bakeoff.methods.saved import classifier_path
from bakeoff.runs.folder import RunFolder
from tests.command import bakeoff as typed
from tests.command import refused

COSTS = {
    "task": "classification",
    "data": {"table": "sentence-polarity", "rows": 400},
    "contestants": {"majority": {}, "linear": {}},
    "evaluation": {"resamples": 200, "cost": {"false_negative": 10, "false_positive": 1}},
}
TEXTS = ["A dull film", "Moving and funny", "It was on Tuesday", "Bad", "The best of the year"]


@pytest.fixture(scope="module")
def costly(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return RunFolder(bakeoff.run(COSTS, tmp_path_factory.mktemp("costs") / "run").folder)


def test_the_cost_decides_the_verdict(costly: RunFolder) -> None:
    result = costly.contestant("linear").result()
    deciding = result.metrics[0]
    assert (deciding.name, deciding.protocol) == ("cost", "cost(false_negative=10, false_positive=1)")
    scores = costly.contestant("linear").scores()
    labels, predicted = (np.array(scores[name].to_pylist()) for name in ("label", "predicted"))
    missed = ((labels == "positive") & (predicted == "negative")).mean()
    alarms = ((labels == "negative") & (predicted == "positive")).mean()
    assert deciding.value == pytest.approx(10 * missed + alarms)
    probability = np.array(scores["probability_positive"].to_pylist())
    assert ((predicted == "positive") == (probability > 1 / 11)).all()
    assert sum(result.confusion.counts[1]) == (labels == "positive").sum()
    assert any("'positive' from a probability of 0.0909" in note for note in result.notes)
    assert "cost per text" in costly.verdict().summary[0]
    assert costly.verdict().comparisons[0].metric == "cost"


def test_new_texts_get_the_label_of_least_expected_cost(costly: RunFolder) -> None:
    classifier = bakeoff.load_classifier(costly.path, contestant="linear")
    predictions = classifier.predict(TEXTS)
    assert [each.label for each in predictions] == [
        "positive" if each.probabilities["positive"] > 1 / 11 else "negative" for each in predictions
    ]
    unlikely = next(each for each in predictions if each.label == "positive" and each.probability < 0.5)
    assert unlikely.probability == unlikely.probabilities["positive"]
    assert classifier.explain(TEXTS[0]).label == predictions[0].label
    (said,) = typed("predict", costly.path, TEXTS[0], "--contestant", "linear", "--json").json["predictions"].values()
    assert said[0]["label"] == predictions[0].label


def test_a_classifier_of_an_earlier_version_has_no_costs(costly: RunFolder, tmp_path: Path) -> None:
    from tests.real_runs import copy_run

    folder = copy_run(costly.path, tmp_path / "copy").contestant("linear").model
    path = classifier_path(folder)
    values = json.loads(path.read_text())
    assert values.pop("costs") == [[0, 1], [10, 0]]
    from bakeoff.runs.checksums import remove_manifest

    remove_manifest(folder)
    path.write_text(json.dumps(values))
    assert all(each.probability >= 0.5 for each in bakeoff.load_classifier(folder).predict(TEXTS))


def test_ordered_labels_have_an_error_and_a_kappa(tmp_path: Path) -> None:
    words = {"1": "awful terrible bad", "2": "fine decent plain", "10": "great lovely superb"}
    random = np.random.default_rng(0)
    rows = [
        {"text": f"{random.choice(words[stars].split())} film number {number}", "stars": stars}
        for number in range(90)
        for stars in words
    ]
    config = {
        **COSTS,
        "data": {"table": rows, "text": "text", "label": "stars"},
        "evaluation": {"labels": "ordered", "metric": "quadratic_kappa", "resamples": 100},
    }
    outcome = bakeoff.run(config, tmp_path / "run")
    folder = RunFolder(outcome.folder).contestant("majority")
    scores = folder.scores()
    labels, predicted = (list(map(int, scores[name].to_pylist())) for name in ("label", "predicted"))
    expected = cohen_kappa_score(labels, predicted, weights="quadratic", labels=[1, 2, 10])
    assert folder.result().metrics[0].value == pytest.approx(expected)
    places = {1: 0, 2: 1, 10: 2}
    off = [abs(places[a] - places[b]) for a, b in zip(labels, predicted, strict=True)]
    assert folder.result().metric("mean_absolute_error").value == pytest.approx(np.mean(off))
    assert outcome.verdict.best == "linear"


def test_labels_that_do_not_fit_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not all of these are: 'negative', 'positive'"):
        bakeoff.run({**COSTS, "evaluation": {"labels": "ordered"}}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_runs_in_which_another_label_is_costly_are_not_compared(costly: RunFolder, tmp_path: Path) -> None:
    cost = {"false_negative": 10, "false_positive": 1, "positive": "negative"}
    config = {**COSTS, "contestants": {"majority": {}}, "evaluation": {"resamples": 50, "cost": cost}}
    other = bakeoff.run(config, tmp_path / "other").folder

    said = refused("compare", costly.path, other)

    assert "costs of mistakes: run has 1 for negative, 10 for positive, other has 10 for negative, 1 for" in said


def test_runs_with_other_orders_of_the_labels_are_not_compared(tmp_path: Path) -> None:
    names = ["bad", "fair", "good"]
    rows = [{"text": f"{label} film number {number}", "label": label} for number in range(30) for label in names]
    for run, labels in (("one", names), ("two", ["fair", "bad", "good"])):
        evaluation = {"metric": "quadratic_kappa", "labels": labels, "resamples": 50}
        config = {**COSTS, "data": {"table": rows}, "contestants": {"majority": {}}, "evaluation": evaluation}
        bakeoff.run(config, tmp_path / run)

    said = refused("compare", tmp_path / "one", tmp_path / "two")

    assert "order of the labels: one has bad < fair < good, two has fair < bad < good" in said
