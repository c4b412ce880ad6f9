"""Estimators of somebody's own: found, fitted as scikit-learn fits them, saved without pickle, errors as sentences."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from bakeoff.config.load import load_config
from bakeoff.errors import UserError
from bakeoff.methods.base import ClassificationMethod
from bakeoff.methods.estimator.method import EstimatorMethod
from bakeoff.methods.linear.method import LinearMethod
from bakeoff.methods.saved import load_text_model, read_classifier
from bakeoff.runner import resume, run
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.folder import RunFolder
from bakeoff.serve.models import find_runs
from bakeoff.tasks.classifier import load_classifier, running_code
from tests.baking import bake
from tests.methods.estimator import models
from tests.methods.small_data import config, small_table
from tests.processes import Forked
from tests.test_packages import hide

TABLE = small_table()


def baked(folder: Path, name: str, **settings):
    settings = {"estimator": f"tests.methods.estimator.models:{name}", **settings}
    contestant = ContestantFolder(folder / "mine")
    made = config({"mine": {"method": "estimator", **settings}})
    return bake(made, "mine", TABLE, contestant), contestant.model


def refusal(**settings) -> str:
    made = config({"mine": {"method": "estimator", **settings}})
    with pytest.raises(UserError) as caught:
        EstimatorMethod().check("mine", made.contestants["mine"], TABLE)
    return str(caught.value)


@pytest.mark.parametrize("name", ["plain", "pipeline", "lengths"])
def test_it_answers_as_the_estimator_itself(tmp_path, name):
    own = getattr(models, name)
    own = own if name == "pipeline" else own()
    own.fit(TABLE.train.texts, TABLE.train.labels)

    _, model = baked(tmp_path, name)

    saved = load_text_model(model, read_classifier(model))
    np.testing.assert_array_equal(saved.probabilities(TABLE.test.texts), own.predict_proba(TABLE.test.texts))


def test_a_classifier_of_three_classes_without_probabilities_gets_calibrated_ones(tmp_path):
    table = small_table(classes=3)
    made = config({"mine": {"method": "estimator", "estimator": "tests.methods.estimator.models:support_vectors"}})

    result = bake(made, "mine", table, ContestantFolder(tmp_path / "mine"))

    rows = load_classifier(tmp_path / "mine" / "model").probabilities(table.test.texts)
    own = models.support_vectors().fit(table.train.texts, table.train.labels)
    assert (rows.argmax(axis=1) == own.predict(table.test.texts)).all()
    assert result.calibration is not None
    assert "no predict_proba" in result.notes[1]


def test_a_decision_function_of_two_classes_is_the_log_odds(tmp_path):
    own = models.support_vectors().fit(TABLE.train.texts, TABLE.train.labels)

    _, model = baked(tmp_path, "support_vectors")

    rows = load_text_model(model, read_classifier(model)).probabilities(TABLE.test.texts)
    assert rows[:, 1] == pytest.approx(expit(own.decision_function(TABLE.test.texts)))


def test_one_that_only_gives_labels_is_not_calibrated_and_the_note_says_so(tmp_path):
    result, model = baked(tmp_path, "FirstLetter")

    assert result.calibration is None
    assert "neither predict_proba nor decision_function" in result.notes[1]
    assert set(load_classifier(model).probabilities(TABLE.test.texts).ravel()) == {0.0, 1.0}


def test_settings_are_arguments_or_parameters(tmp_path):
    rows = [
        load_classifier(baked(tmp_path / name, target, settings=settings)[1]).probabilities(TABLE.test.texts)
        for name, target, settings in (
            ("function", "lengths", {"strength": 1e-3}),
            ("same", "lengths", {}),
            ("instance", "pipeline", {"logisticregression__C": 1e-3}),
            ("unchanged", "pipeline", {}),
        )
    ]

    assert np.ptp(rows[0]) < np.ptp(rows[1])
    assert np.ptp(rows[2]) < np.ptp(rows[3])
    assert models.pipeline.get_params()["logisticregression__C"] == 1.0


def test_the_file_and_its_hash_are_in_the_result(tmp_path):
    result, _ = baked(tmp_path, "plain")

    assert result.settings["source_file"] == models.__file__
    assert len(result.settings["source_sha256"]) == 64
    assert result.settings["source_sha256"][:12] in result.notes[0]


def test_who_takes_configs_from_strangers_can_ask_whether_a_method_runs_code():
    assert EstimatorMethod.runs_code
    assert not LinearMethod.runs_code
    assert not ClassificationMethod.runs_code


# --- a file next to the config --------------------------------------------------------------------------------------

OWN = """
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

def words(text):
    return text.split()

def bayes():
    return make_pipeline(CountVectorizer(tokenizer=words, token_pattern=None), MultinomialNB())
"""
CONFIG = """
task: classification
data: {{table: sentence-polarity, rows: 200}}
contestants:
  mine: {{method: estimator, estimator: "{module}:bayes"}}
evaluation: {{resamples: 20}}
"""


@pytest.fixture
def project(tmp_path) -> Path:
    """A folder with a config and a module of a name that no other test uses; another folder is the working one."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / f"own_{tmp_path.name}.py").write_text(OWN)
    (tmp_path / "project" / "my.yaml").write_text(CONFIG.format(module=f"own_{tmp_path.name}"))
    return tmp_path / "project"


def module_of(project: Path) -> Path:
    return next(project.glob("own_*.py"))


def classify(arguments: list[str]) -> None:
    print(load_classifier(arguments[0]).probabilities(["a fine film"]).tolist())


def test_a_module_next_to_the_config_is_found_from_any_folder(project, tmp_path, monkeypatch):
    monkeypatch.chdir("/")

    outcome = run(project / "my.yaml", tmp_path / "run")

    settings = outcome.results[0].settings
    assert (settings["folder"], settings["source_file"]) == (str(project), str(module_of(project)))
    out, err = Forked(classify, [tmp_path / "run"], cwd=Path("/")).communicate(timeout=120)
    own = load_classifier(tmp_path / "run").probabilities(["a fine film"])
    assert json.loads(out) == own.tolist(), err


def test_a_changed_file_is_said_and_a_missing_one_is_an_error(project, tmp_path, caplog):
    outcome = run(project / "my.yaml", tmp_path / "run")
    load_classifier(outcome.folder)
    assert caplog.records == []

    module_of(project).write_text(OWN.replace("text.split()", "text.lower().split()"))
    with caplog.at_level(logging.WARNING):
        load_classifier(outcome.folder)

    assert "has changed since the estimator was fitted" in caplog.text
    assert module_of(project).name in caplog.text


def test_a_resumed_run_uses_the_file_as_it_is_now_and_says_which(project, tmp_path):
    outcome = run(project / "my.yaml", tmp_path / "run")
    (outcome.folder / "contestants" / "mine" / "result.json").unlink()
    module_of(project).write_text(OWN.replace("text.split()", "list(text)"))

    again = resume(outcome.folder)

    assert again.results[0].settings["source_sha256"] != outcome.results[0].settings["source_sha256"]
    assert again.results[0].metrics != outcome.results[0].metrics


def test_trainings_whose_results_are_averaged_have_the_same_file(project, tmp_path):
    outcome = run(project / "my.yaml", tmp_path / "run", overrides=["repeats=2"])
    (outcome.folder / "contestants" / "mine" / "repeat-2" / "result.json").unlink()
    module_of(project).write_text(OWN.replace("text.split()", "list(text)"))

    with pytest.raises(UserError, match=r"own_.*\.py has changed since mine was trained"):
        resume(outcome.folder)

    module_of(project).write_text(OWN)
    assert resume(outcome.folder).results[0].metrics == outcome.results[0].metrics


def test_an_ensemble_of_an_estimator_runs_its_code_too_which_the_server_says(project, tmp_path, caplog):
    config = load_config(project / "my.yaml").model_dump(mode="json")
    config["contestants"] |= {
        "majority": {"method": "majority"},
        "linear": {"method": "linear"},
        "both": {"method": "ensemble", "members": ["mine", "linear"]},
        "harmless": {"method": "ensemble", "members": ["majority", "linear"]},
    }
    outcome = run(config, tmp_path / "run")

    with caplog.at_level(logging.WARNING):
        find_runs([outcome.folder])

    assert running_code(RunFolder(outcome.folder)) == ["mine", "both"]
    assert [record.message.split()[0] for record in caplog.records] == ["run/mine", "run/both"]
    assert "may run code that its config names" in caplog.text


def test_an_estimator_of_scikit_learn_alone_needs_no_file_any_more(project, tmp_path):
    module_of(project).write_text(OWN.replace("tokenizer=words, token_pattern=None", ""))
    outcome = run(project / "my.yaml", tmp_path / "run")
    shutil.rmtree(project)

    assert load_classifier(outcome.folder).probabilities(["a fine film"]).sum() == pytest.approx(1)


def test_a_path_that_is_not_beside_the_config_stays_as_it_is(project):
    assert load_config(project / "my.yaml", ["contestants.mine.folder=elsewhere"]).contestants["mine"].folder == (
        "elsewhere"
    )


# --- refusals -------------------------------------------------------------------------------------------------------

LINE = next(number for number, line in enumerate(Path(models.__file__).read_text().splitlines(), 1) if "1 / 0" in line)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no_such_module:make", "no_such_module cannot be imported: ModuleNotFoundError"),
        ("tests.methods.estimator.models:plane", "has no 'plane'.\nDid you mean 'plain'?"),
        ("tests.methods.estimator.models:broken", f"division by zero ({models.__file__}, line {LINE})"),
        ("tests.methods.estimator.models:nothing", "failed: TypeError: 'object' object is not callable"),
        ("tests.methods.estimator.models:split_words", "missing 1 required positional argument: 'text'"),
        ("tests.methods.estimator.models:Lengths", "gives a Lengths, which has no predict"),
        ("tests.methods.estimator.models:with_lambda", "cannot be saved without pickle"),
    ],
)
def test_what_cannot_work_is_refused_before_the_training(target, said):
    refused = refusal(estimator=target)

    assert refused.startswith("contestants.mine: ")
    assert said in refused


def test_a_wrong_setting_and_a_syntax_error_are_told(tmp_path):
    assert "unexpected keyword argument 'strenth'" in refusal(
        estimator="tests.methods.estimator.models:lengths", settings={"strenth": 2}
    )
    (tmp_path / "not_quite_python.py").write_text("x = 1\ndef broken(:\n")
    assert "not_quite_python.py, line 2)" in refusal(estimator="not_quite_python:broken", folder=str(tmp_path))


def test_a_file_that_another_module_hides_is_told(tmp_path):
    (tmp_path / "json.py").write_text("")

    assert "The module 'json' is" in refusal(estimator="json:make", folder=str(tmp_path))


@pytest.mark.parametrize(("when", "said"), [("fit", "no such luck"), ("predict", "never again")])
def test_an_error_inside_the_estimator_names_its_file_and_line(tmp_path, when, said):
    with pytest.raises(UserError, match=rf"failed: \w+: {said} \(.*estimator/models\.py, line \d+\)"):
        baked(tmp_path, "Fails", settings={"when": when})


def test_a_missing_package_is_one_sentence(monkeypatch):
    hide(monkeypatch, "skops")

    said = refusal(estimator="tests.methods.estimator.models:plain")

    assert said.startswith("contestants.mine: method `estimator` needs skops, which is not installed.")
    assert "pip install 'bakeoff[estimator]'" in said
