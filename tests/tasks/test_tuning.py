"""A search for settings: what it tries and keeps, that it can be resumed, and what it costs."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bakeoff import packages
from bakeoff.config.load import load_config
from bakeoff.errors import DivergedError, UserError
from bakeoff.methods.linear.method import LinearMethod
from bakeoff.methods.linear_part import fitting, preparation
from bakeoff.methods.saved import load_text_model, read_classifier
from bakeoff.report import search_view
from bakeoff.runner import resume, run
from bakeoff.runs.contestant_folder import ContestantFolder, StageFolder
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.mending import mend
from bakeoff.runs.writing import remove
from bakeoff.tasks import classification, suggestions, tuning
from bakeoff.tasks.base import Contestant, get_task
from bakeoff.training import steps
from bakeoff.training.progress import Progress
from bakeoff.training.steps import TrainingSteps
from tests.baking import bake, plan
from tests.methods.small_data import config, small_label_table, small_table
from tests.plots import plots

TABLE = small_table()
LSTM = {"embedding_size": 8, "max_length": 20, "hidden_size": 8, "learning_rate": 1e-2, "tune": {"trials": 4}}


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A linear contestant after 6 trials."""
    folder = ContestantFolder(tmp_path_factory.mktemp("search") / "linear")
    return folder, bake(config({"linear": {"max_ngram": 2, "tune": {"trials": 6}}}), "linear", TABLE, folder)


def test_the_best_trial_is_kept(searched):
    folder, result = searched
    search = result.search

    best = search.trials[search.best - 1]
    assert best.value == max(trial.value for trial in search.trials)
    assert {name: result.settings[name] for name in best.settings} == best.settings | best.chosen
    model = load_text_model(folder.model, read_classifier(folder.model))
    accuracy = np.mean(model.probabilities(TABLE.validation.texts).argmax(axis=1) == TABLE.validation.labels)
    assert accuracy == best.value
    assert [trial.name for trial in folder.open_trials() if trial.model.exists()] == [f"linear, trial {search.best}"]
    folder.remove_scaffolding()
    assert folder.trials() == search.trials


def test_the_first_trial_is_the_config_and_what_it_gives_is_not_searched(searched):
    _, result = searched
    first, *others = result.search.trials

    assert first.settings["ngrams"] == "auto"
    assert "max_ngram" not in first.settings
    assert result.settings["max_ngram"] == 2
    assert len({json.dumps(trial.settings) for trial in others}) > 1
    for trial in others:
        assert 0.3 <= trial.settings["inverse_regularization"] <= 100
        assert trial.settings["ngrams"] in ("words", "characters", "both")


def test_the_cost_is_that_of_all_trials(searched):
    _, result = searched

    assert result.training.seconds == pytest.approx(sum(trial.training.seconds for trial in result.search.trials))
    assert "A search of 6 trials (0 stopped early, 0 diverged)" in result.notes[-1]


def test_the_report_lists_the_best_trials(searched):
    _, result = searched

    rows = search_view.trial_rows(result.search)

    assert [row[-1] for row in rows if row[-1]] == (
        ["kept, as in the config"] if result.search.best == 1 else ["kept", "as in the config"]
    )
    assert len(rows[0]) == len(search_view.trial_titles(result.search))
    plot = search_view.parallel_plot("<i>", result.search)
    assert plot is not None
    assert "6 trials of &lt;i&gt;" in plot.__html__()


def test_a_search_with_several_labels_names_its_metric(tmp_path):
    values = config({"linear": {"tune": {"trials": 2}}})
    result = bake(values, "linear", small_label_table(), ContestantFolder(tmp_path / "linear"))

    assert result.search.metric == "micro-F1"
    assert search_view.trial_titles(result.search)[1] == "Validation micro-F1"
    assert "micro-F1" in result.notes[-1]


def test_the_note_shows_what_was_chosen_and_whose_settings_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(suggestions.Suggestions, "settings", lambda *_: {"inverse_regularization": 1e-9})
    values = config({"linear": {"tune": {"trials": 2, "settings": ["ngrams", "inverse_regularization"]}}})
    result = bake(values, "linear", TABLE, ContestantFolder(tmp_path / "linear"))
    note, chosen = result.notes[-1], result.search.trials[0].chosen

    assert result.search.best == 1
    shown = f"Trial 1 (ngrams {chosen['ngrams']}, inverse_regularization {chosen['inverse_regularization']:g})"
    assert f"{shown} was best on the validation split, with accuracy" in note
    assert note.endswith("It has the settings of the config.")


class Interrupting(Progress):
    """Ctrl-C in an epoch of a training."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def epoch(self, line) -> None:
        self.epochs -= 1
        if self.epochs == 0:
            raise KeyboardInterrupt


def comparable(result):
    trials = [(trial.number, trial.settings, trial.state, trial.value, trial.values) for trial in result.search.trials]
    return trials, result.settings, [metric.value for metric in result.metrics], result.training.steps


def test_a_search_that_is_resumed_ends_as_one_that_was_not_interrupted(tmp_path):
    values = config({"lstm": LSTM}, epochs=2)
    whole = bake(values, "lstm", TABLE, ContestantFolder(tmp_path / "whole"))

    folder = ContestantFolder(tmp_path / "parts")
    for epochs in (3, 2):  # within the second trial, and within the one after it
        with pytest.raises(KeyboardInterrupt):
            bake(values, "lstm", TABLE, folder, Interrupting(epochs))
    parts = bake(values, "lstm", TABLE, folder)

    assert comparable(parts) == comparable(whole)


def let_steps_take(monkeypatch, seconds: float) -> None:
    """Let the steps of trainings take that long by the clock, and everything else no time."""
    now, take = [0.0], TrainingSteps._step

    def step(self, batches):
        now[0] += seconds
        return take(self, batches)

    monkeypatch.setattr(TrainingSteps, "_step", step)
    for module in (steps, tuning, classification):
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: now[0]))


def test_the_time_of_a_search_that_is_resumed_counts_once(tmp_path, monkeypatch):
    let_steps_take(monkeypatch, 10.0)
    values = config({"lstm": LSTM}, epochs=2)
    folder = ContestantFolder(tmp_path / "lstm")
    for epochs in (3, 2):  # the second time, the second trial goes on from a checkpoint
        with pytest.raises(KeyboardInterrupt):
            bake(values, "lstm", TABLE, folder, Interrupting(epochs))

    training = bake(values, "lstm", TABLE, folder).training

    assert training.seconds == 10.0 * training.steps
    assert training.total_seconds == pytest.approx(training.seconds)


def test_trials_of_a_round_can_be_made_by_themselves_in_any_order(tmp_path):
    values = config({"lstm": {**LSTM, "tune": {"trials": 5, "at_once": 2}}}, epochs=2)
    whole = bake(values, "lstm", TABLE, ContestantFolder(tmp_path / "whole"))

    parts = ContestantFolder(tmp_path / "parts")
    search = Contestant("lstm", values.seed, parts, "lstm", {})
    for number in (2, 1, 3, 4):  # the last one is left to the search
        assert not parts.has_trial(number)
        get_task(values).make_trial(values, replace(search, trial=number), TABLE, Progress())
        assert parts.has_trial(number)

    assert comparable(bake(values, "lstm", TABLE, parts)) == comparable(whole)
    assert len({json.dumps(trial.settings) for trial in whole.search.trials}) == 5


def test_a_damaged_trial_that_was_made_by_itself_is_made_again(tmp_path):
    values = config({"linear": {"tune": {"trials": 2, "at_once": 2}}})
    folder = ContestantFolder(tmp_path / "linear")
    search = Contestant("linear", values.seed, folder, "linear", {})
    get_task(values).make_trial(values, replace(search, trial=1), TABLE, Progress())
    weights = next(folder.trial(1).model.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1])

    assert list(mend(folder)) == [f"{weights} is damaged: its size has changed. linear, trial 1 starts again."]
    assert not folder.has_trial(1)


@pytest.mark.parametrize("killed_in", [(ContestantFolder, "adopt"), (StageFolder, "keep_summary_only")])
def test_a_kill_before_the_best_model_is_kept_loses_nothing(tmp_path, monkeypatch, killed_in):
    values = config({"linear": {"tune": {"trials": 3}}})
    whole = bake(values, "linear", TABLE, ContestantFolder(tmp_path / "whole"))
    folder = ContestantFolder(tmp_path / "parts")
    with monkeypatch.context() as patch:
        patch.setattr(*killed_in, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            bake(values, "linear", TABLE, folder)

    assert list(mend(folder)) == []
    assert comparable(bake(values, "linear", TABLE, folder)) == comparable(whole)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A search of 3 trials, what it ends with, and its folder if it was interrupted in the last trial."""
    values = config({"lstm": {**LSTM, "tune": {"trials": 3}}}, epochs=2)
    whole = bake(values, "lstm", TABLE, ContestantFolder(tmp_path_factory.mktemp("whole") / "lstm"))
    folder = ContestantFolder(tmp_path_factory.mktemp("parts") / "lstm")
    with pytest.raises(KeyboardInterrupt):
        bake(values, "lstm", TABLE, folder, Interrupting(6))
    return values, whole, folder


@pytest.mark.parametrize("lost", ["trials.jsonl", "trials/BEST", "trials/BEST/model", "trials/BEST/checksums.json"])
def test_a_search_rests_only_on_trials_that_are_known_to_be_its_own(interrupted, tmp_path, lost):
    values, whole, parts = interrupted
    folder = ContestantFolder(shutil.copytree(parts.path, tmp_path / "lstm"))
    best = max(folder.trials(), key=lambda trial: trial.value)
    path = folder.path / lost.replace("BEST", str(best.number))
    if path.name == "trials.jsonl":
        path.write_text(path.read_text().replace('"value":0.', '"value":0.9'))
    else:
        remove(path)

    said = list(mend(folder))

    damaged = lost in ("trials/BEST/model", "trials/BEST/checksums.json")
    assert [f"trial {best.number} starts again" in sentence for sentence in said] == [True] * damaged
    assert comparable(bake(values, "lstm", TABLE, folder)) == comparable(whole)


def test_trials_that_fall_behind_are_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(suggestions, "_UNPRUNED_TRIALS", 1)
    values = config({"lstm": {**LSTM, "tune": {"trials": 8, "settings": ["learning_rate"]}}}, epochs=3)

    search = bake(values, "lstm", TABLE, ContestantFolder(tmp_path / "lstm")).search

    pruned = [trial for trial in search.trials if trial.state == "pruned"]
    assert pruned
    for trial in pruned:
        assert 0 < len(trial.values) < 3
        assert trial.training.steps < search.trials[0].training.steps


@pytest.mark.parametrize("stopped", ["pruned", "failed"])
def test_trials_that_end_early_cost_what_came_before_their_training(tmp_path, monkeypatch, stopped):
    """The first trial ends in its only evaluation, and has then cost as much as the second and what both share."""
    let_steps_take(monkeypatch, 10.0)
    clock = iter(range(100))
    monkeypatch.setattr(preparation, "time", SimpleNamespace(perf_counter=lambda: 500.0 * next(clock)))
    fits = []
    fit = fitting.fit_linear_part
    monkeypatch.setattr(fitting, "fit_linear_part", lambda *given: fits.append(given) or fit(*given))

    def ends(self, known, values):
        if not known and stopped == "failed":
            raise DivergedError("the loss is not a number")
        return not known

    monkeypatch.setattr(suggestions.Suggestions, "falls_behind", ends)
    (tmp_path / "more.txt").write_text("a film that was seen by many in a cinema\n" * 30)
    pretrain = {"text": str(tmp_path / "more.txt"), "epochs": 1}
    tune = {"trials": 2, "settings": ["learning_rate"]}
    lstm = {**LSTM, "vocabulary": {"min_frequency": 2}, "pretrain": pretrain, "linear_part": {}, "tune": tune}

    result = bake(config({"lstm": lstm}, epochs=1), "lstm", TABLE, ContestantFolder(tmp_path / "lstm"))

    early, whole = (trial.training for trial in result.search.trials)
    assert [trial.state for trial in result.search.trials] == [stopped, "finished"]
    assert early.steps == whole.steps + 3, "the steps of their pretraining"
    assert early.tokens > whole.tokens
    assert early.seconds == 10.0 * early.steps + 500.0
    assert whole.seconds == 10.0 * whole.steps
    assert result.training.seconds == early.seconds + whole.seconds
    assert early.peak_memory_bytes > 0
    assert len(fits) == 1
    assert any("linear part is that of an earlier trial" in note for note in result.notes)


def test_ctrl_c_in_a_trial_that_then_falls_behind_is_not_lost(tmp_path, monkeypatch):
    """The trial is then not stopped early: its resume looks at it again."""
    monkeypatch.setattr(suggestions.Suggestions, "falls_behind", lambda *_: True)

    class CtrlC(Progress):
        def step(self, line, share):
            if share == 1:
                os.kill(os.getpid(), signal.SIGINT)

    folder = ContestantFolder(tmp_path / "lstm")
    with pytest.raises(KeyboardInterrupt):
        bake(config({"lstm": LSTM}, epochs=1), "lstm", TABLE, folder, CtrlC())
    assert not folder.has_trial(1)


def test_a_trial_that_diverges_does_not_end_the_search(tmp_path, monkeypatch):
    fit = LinearMethod.fit

    def diverging(self, settings, data, context):
        if settings.inverse_regularization is not None:
            raise DivergedError("the loss is not a number")
        return fit(self, settings, data, context)

    monkeypatch.setattr(LinearMethod, "fit", diverging)
    values = config({"linear": {"tune": {"trials": 3, "settings": ["inverse_regularization"]}}})
    result = bake(values, "linear", TABLE, ContestantFolder(tmp_path / "linear"))
    assert [trial.state for trial in result.search.trials] == ["finished", "failed", "failed"]
    assert result.search.best == 1

    values = config({"linear": {"inverse_regularization": 1.0, "tune": {"trials": 2, "settings": ["max_ngram"]}}})
    with pytest.raises(
        UserError, match=r"the loss was not a number in any of 2 trials(.|\n)*leave out contestants.linear.tune"
    ):
        bake(values, "linear", TABLE, ContestantFolder(tmp_path / "none"))


@pytest.mark.parametrize(
    ("contestant", "problem"),
    [
        ({"method": "majority", "tune": {"trials": 2}}, "method majority has no settings to search"),
        (
            {"method": "linear", "tune": {"settings": ["ngram"], "trials": 2}},
            "'ngram' cannot be searched; these can",
        ),
        ({"method": "linear", "tune": {"trials": 0}}, "trials"),
        ({"method": "lstm", "linear_part": {"tune": {"trials": 2}}}, "linear_part cannot have a `tune` of its own"),
        ({"method": "transformer", "linear_part": {"tune": {"trials": 2}}}, "linear_part cannot have a `tune`"),
    ],
)
def test_what_cannot_be_searched_is_refused(contestant, problem):
    with pytest.raises(UserError, match=problem):
        load_config(
            {
                "task": "classification",
                "data": {"table": "a.csv"},
                "budget": {"epochs": 1},
                "contestants": {"a": contestant},
            }
        )


def test_a_search_needs_an_end_and_optuna(monkeypatch):
    endless = config({"linear": {"tune": {}}}).contestants["linear"]
    with pytest.raises(UserError, match="tune has no end"):
        tuning.check("linear", endless, budget_seconds=None)
    tuning.check("linear", endless, budget_seconds=5.0)

    monkeypatch.setattr(packages, "missing_modules", lambda extra: ["optuna"])
    with pytest.raises(UserError, match="needs optuna, which is not installed"):
        tuning.check("linear", endless, budget_seconds=5.0)


@pytest.mark.parametrize("tune", [{"seconds": 9.0}, {"trials": 4, "seconds": 9.0}])
def test_trials_at_once_are_a_number(tune):
    values = config({"linear": {"tune": {**tune, "at_once": 2}}})
    with pytest.raises(UserError, match="at_once needs a number of trials, and no seconds"):
        tuning.check("linear", values.contestants["linear"], None)


def test_without_a_limit_of_its_own_a_search_lasts_as_long_as_the_budget(tmp_path, monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr("bakeoff.methods.linear.method.time.perf_counter", lambda: float(next(clock)))
    values = config({"linear": {"tune": {}}}).model_copy(
        update={"budget": config({"linear": {}}).budget.model_copy(update={"seconds": 3.0})}
    )

    result = bake(values, "linear", TABLE, ContestantFolder(tmp_path / "linear"))

    spent = [trial.training.seconds for trial in result.search.trials]
    assert sum(spent) >= 3.0 > sum(spent[:-1])


def test_a_plan_counts_the_trials():
    one, ten = plan(config({"linear": {}}), TABLE)["linear"], plan(config({"linear": {"tune": {"trials": 10}}}), TABLE)

    assert ten["linear"].training_seconds > 4 * one.training_seconds
    assert "A search of 10 trials" in ten["linear"].notes[-1]


def test_a_plan_counts_what_every_trial_begins_with():
    one = plan(config({"lstm": {}}), TABLE)["lstm"].model_copy(
        update={"training_seconds": 10.0, "evaluation_seconds": 3.0, "total_seconds": 15.0}
    )

    ten = tuning.planned(one, config({"lstm": {"tune": {"trials": 10}}}).contestants["lstm"], None)

    assert (ten.training_seconds, ten.total_seconds) == (100.0, 10 * (10.0 + 2.0) + 3.0)


def test_a_run_with_a_search_can_be_resumed_and_reported(tmp_path):
    values = {
        "task": "classification",
        "data": {"table": "sentence-polarity", "rows": 300},
        "budget": {"epochs": 1},
        "contestants": {"linear": {"tune": {"trials": 8}}, "majority": {}},
        "evaluation": {"resamples": 50},
    }
    with plots():
        outcome = run(values, tmp_path / "run")

    stored = RunFolder(tmp_path / "run").config_values()["contestants"]["linear"]
    assert "max_ngram" in stored["tune"]["settings"]
    html = outcome.report.read_text()
    assert 'id="search"' in html
    assert "importance of each setting" in html
    assert resume(tmp_path / "run").results[0] == outcome.results[0]
