"""Cross-validation through the command line: what is trained, what is measured, and what is kept."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from bakeoff import runner
from bakeoff.evaluation.folds import wider_level
from bakeoff.evaluation.intervals import wilson
from bakeoff.methods.linear.model import LinearModel
from bakeoff.runs.folder import RunFolder
from bakeoff.tasks.classifier import load_classifier
from tests.command import bakeoff
from tests.end_to_end.test_kill import everything_measured
from tests.end_to_end.test_repeats import Stopping
from tests.real_runs import copy_run, write_config_file

FOLDS = 3
FOLDED = {
    "task": "classification",
    "data": {"table": "sentence-polarity", "rows": 150, "split": {"folds": FOLDS}},
    "budget": {"epochs": 1},
    "contestants": {
        "linear": {},
        "lstm": {"embedding_size": 8, "hidden_size": 8},
        "both": {"method": "ensemble", "members": ["linear", "lstm"]},
    },
    "evaluation": {"resamples": 100},
}


@pytest.fixture(scope="module")
def folded_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folded")
    typed = bakeoff("run", write_config_file(folder / "small.yaml", FOLDED), "-o", folder / "run")
    assert typed.code == 0, typed.err
    assert "[2/12] linear, fold 2 of 3" in typed.err
    assert "[12/12] both, all rows" in typed.err
    assert "Comparison in 3 folds" in typed.out
    return folder / "run"


def test_every_row_is_measured_once_by_the_model_of_its_fold(folded_run):
    for contestant in RunFolder(folded_run).contestants():
        tables = [fold.scores() for fold in contestant.folds()]
        labels = [label for table in tables for label in table["label"].to_pylist()]
        predicted = [label for table in tables for label in table["predicted"].to_pylist()]
        result, scores = contestant.result(), contestant.scores()

        assert len(tables) == FOLDS
        assert sorted(scores["document"].to_pylist()) == sorted(set(scores["document"].to_pylist()))
        assert scores["predicted"].to_pylist() == predicted
        accuracy = result.metric("accuracy")
        assert accuracy.value == pytest.approx(accuracy_score(labels, predicted))
        assert accuracy.by_fold == [fold.result().metrics[0].value for fold in contestant.folds()]
        assert (accuracy.folds, accuracy.documents, accuracy.confidence) == (FOLDS, 150, 0.95)
        right = round(150 * accuracy.value)
        assert (accuracy.low, accuracy.high) == pytest.approx(wilson(right, 150, wider_level(0.95, FOLDS)))
        assert result.metric("macro_f1").value == pytest.approx(f1_score(labels, predicted, average="macro"))
        assert sum(map(sum, result.confusion.counts)) == 150
        uncalibrated = [fold.result().metric("calibration_error", "uncalibrated").value for fold in contestant.folds()]
        assert result.metric("calibration_error", "uncalibrated").by_fold == uncalibrated


def test_the_model_that_is_kept_was_trained_on_all_rows(folded_run):
    linear, lstm, both = RunFolder(folded_run).contestants()

    assert lstm.result().training.tokens > 1.2 * lstm.fold(1).result().training.tokens
    for contestant in (linear, lstm, both):
        texts = ["a fine and funny film", "dull, lifeless and far too long"]
        kept = load_classifier(folded_run, contestant=contestant.name).probabilities(texts)
        assert np.array_equal(kept, load_classifier(contestant.path).probabilities(texts))
        assert not np.allclose(kept, load_classifier(contestant.fold(1).path).probabilities(texts))
    assert any("trained after that, on all rows but 15 for validation" in note for note in lstm.result().notes)
    card = (lstm.model / "README.md").read_text()
    assert "Metrics in 3 folds" in card
    assert "not for another seed." in card
    assert not (lstm.fold(1).model / "README.md").exists()


def test_an_ensemble_of_a_fold_has_the_members_of_that_fold(folded_run):
    linear, _, both = RunFolder(folded_run).contestants()

    for mine, its in zip([*linear.folds(), linear], [*both.folds(), both], strict=True):
        weights = [folder / "model.safetensors" for folder in (mine.model, its.model / "members" / "linear")]
        assert weights[0].read_bytes() == weights[1].read_bytes()


def test_the_words_of_a_mistake_come_from_the_model_that_made_it(folded_run):
    linear = RunFolder(folded_run).contestant("linear")
    mistakes = [sample for sample in linear.samples() if sample.kind == "mistake"]

    assert mistakes
    rows = [set(fold.scores()["document"].to_pylist()) for fold in linear.folds()]
    for sample in mistakes:
        fold = next(number for number, names in enumerate(rows) if sample.document in names)
        (answer,) = load_classifier(linear.folds()[fold].path).predict([sample.prompt])
        assert (answer.label, answer.probability) == (sample.predicted, pytest.approx(sample.probability))


def test_of_the_models_of_the_folds_one_at_a_time_is_in_memory(tmp_path, monkeypatch):
    """While words are marked; the model that is kept is there all the time."""
    models, alive = [], []
    load = LinearModel.load

    def watched_load(*given, **settings):
        model = load(*given, **settings)
        models.append(weakref.ref(model))
        alive.append(sum(each() is not None for each in models))
        return model

    monkeypatch.setattr(LinearModel, "load", watched_load)
    outcome = runner.run({**FOLDED, "contestants": {"linear": {}}}, tmp_path / "run")

    marked = [sample for sample in RunFolder(outcome.folder).contestant("linear").samples() if sample.words]
    assert len(marked) > FOLDS
    assert len(models) > FOLDS + 1
    assert max(alive) == 2


def test_the_report_the_page_and_the_verdict_say_it(folded_run):
    typed = bakeoff("resume", folded_run, "--json")

    verdict = typed.json["verdict"]
    assert "150 test texts in 3 folds" in verdict["summary"][0]
    assert any("Each contestant was trained once per fold, with seed 12" in words for words in verdict["sentences"])
    assert typed.json["results"][0]["metrics"][0]["folds"] == FOLDS
    html, markdown = ((folded_run / name).read_text() for name in ("report.html", "report.md"))
    assert "3 folds ·" in html
    for page in (html, markdown):
        assert "Results by fold" in page
        assert "Fold 3" in page
        assert "3 folds at random, seed 12" in page
        assert "1.58 times as wide" in page


@pytest.mark.parametrize("share", [0.4, 0.9])
def test_a_run_that_crashes_in_any_fold_goes_on_as_if_it_had_not(folded_run, tmp_path, share):
    lstm = RunFolder(folded_run).contestant("lstm")
    steps = sum(training.result().training.steps for training in (*lstm.folds(), lstm))
    run = tmp_path / "run"

    with pytest.raises(RuntimeError, match="crashed"):
        runner.run(FOLDED, run, progress=Stopping(round(share * steps)))
    assert not RunFolder(run).contestant("lstm").finished
    runner.resume(run)

    assert everything_measured(run) == everything_measured(folded_run)


def test_a_fold_that_is_damaged_is_trained_again(folded_run, tmp_path):
    copy = copy_run(folded_run, tmp_path / "copy")
    fold = copy.contestant("linear").fold(2)
    (fold.path / "scores.parquet").write_bytes(b"")

    assert bakeoff("resume", copy.path).code == 0

    assert everything_measured(copy.path) == everything_measured(folded_run)


def test_a_contestant_without_a_result_in_a_fold_has_none(folded_run, tmp_path):
    copy = copy_run(folded_run, tmp_path / "copy")
    for contestant in (copy.contestant("lstm"), copy.contestant("both")):
        (contestant.path / "result.json").unlink()
    (copy.contestant("lstm").fold(2).path / "result.json").unlink()
    copy.contestant("lstm").fold(2).write_failure("lstm: the loss was not a number.")

    outcome = runner.resume(copy.path)

    assert [result.name for result in outcome.results] == ["linear"]
    assert outcome.verdict.failed["lstm"] == "lstm: the loss was not a number."


def test_a_plan_counts_every_fold_and_the_last_training(tmp_path):
    config = write_config_file(tmp_path / "small.yaml", FOLDED)

    found = bakeoff("plan", config, "--json").json
    table = bakeoff("plan", config).out

    lstm = found["contestants"][1]
    assert (lstm["folds"], lstm["trainings"]) == (FOLDS, pytest.approx(3 + 135 / 85, rel=0.02))
    everything = sum(each["trainings"] * each["total_seconds"] for each in found["contestants"])
    assert found["total_seconds"] >= everything
    assert "Trainings" in table
    assert "4.6 times the time of one" in " ".join(table.split())


def test_seeds_and_folds_together(tmp_path):
    contestants = {name: FOLDED["contestants"][name] for name in ("linear", "lstm")}
    config = {**FOLDED, "repeats": 2, "contestants": contestants}

    typed = bakeoff("run", write_config_file(tmp_path / "small.yaml", config), "-o", tmp_path / "run", "--json")

    assert typed.code == 0, typed.err
    linear, lstm = typed.json["results"]
    assert (linear["seeds"], lstm["seeds"]) == ([], [12, 13])
    homes = RunFolder(tmp_path / "run").contestant("lstm").repeats()
    assert [len(home.folds()) for home in homes] == [FOLDS, FOLDS]
    values = [home.result().metrics[0].value for home in homes]
    assert lstm["metrics"][0]["by_seed"] == values
    assert (lstm["metrics"][0]["folds"], len(lstm["metrics"][0]["by_fold"])) == (FOLDS, FOLDS)
    sentences = typed.json["verdict"]["sentences"]
    assert any("once per fold with each of 2 seeds (12 to 13)" in words for words in sentences)
