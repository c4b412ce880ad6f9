"""`BakeoffClassifier`: a bake-off as a scikit-learn estimator."""

from __future__ import annotations

import gc
import pickle
import pickletools
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import validate_data

import bakeoff
from bakeoff import BakeoffClassifier, UserError
from bakeoff.scikit_learn import _labels

WORDS = {"good": "fine moving bright", "bad": "dull flat sour"}
TEXTS = [f"a {word} film, number {row}" for row in range(15) for words in WORDS.values() for word in words.split()]
LABELS = [label for _ in range(15) for label, words in WORDS.items() for _ in words.split()]
QUICK = ("data.split={validation: 0.1, test: 0.2}", "evaluation.resamples=20")  # without cross-validation


def classifier(**parameters) -> BakeoffClassifier:
    return BakeoffClassifier(
        **{"contestants": {"majority": {}, "linear": {}}, "overrides": QUICK, "random_state": 0, **parameters}
    )


@pytest.fixture(scope="module")
def fitted() -> BakeoffClassifier:
    """Tests may not change it."""
    return classifier().fit(TEXTS, LABELS)


class OnNumbers(BakeoffClassifier):
    """Reads rows of numbers as texts.

    scikit-learn's checks have only numbers, and skip an estimator whose tags say that it takes none. What they check of
    `X` alone (its features, NaN, sparse and complex matrices) is therefore `validate_data`, not `BakeoffClassifier`.
    """

    def fit(self, X, y):
        return super().fit(self.as_texts(validate_data(self, X)), y)

    def predict(self, X):
        return super().predict(self.as_texts(validate_data(self, X, reset=False)))

    def predict_proba(self, X):
        return super().predict_proba(self.as_texts(validate_data(self, X, reset=False)))

    @staticmethod
    def as_texts(numbers):
        return [
            " ".join(f"c{column}is{round(2 * value)} {value}" for column, value in enumerate(row)) for row in numbers
        ]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array, tags.input_tags.two_d_array = False, True
        return tags


@parametrize_with_checks([OnNumbers(contestants={"linear": {}}, overrides=QUICK)])
def test_scikit_learns_checks(estimator, check, monkeypatch):
    if check.keywords:
        pytest.skip("repeats a check with other memory or another dtype, of which texts have neither")
    monkeypatch.setattr("bakeoff.report.output.write_report", lambda run: None)  # half of the time
    check(estimator)


def test_the_winner_answers(fitted):
    outcome = fitted.outcome_
    assert outcome.verdict.best == fitted.contestant_ == "linear"
    assert [result.name for result in outcome.results] == ["majority", "linear"]
    assert fitted.report_.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert fitted.classes_.tolist() == ["bad", "good"]

    winner = bakeoff.load_classifier(fitted.folder_, contestant="linear")
    assert np.array_equal(fitted.predict_proba(TEXTS), winner.probabilities(TEXTS))
    assert fitted.predict(np.array(TEXTS)).tolist() == [prediction.label for prediction in winner.predict(TEXTS)]
    assert fitted.score(TEXTS, LABELS) > 0.9


@pytest.mark.parametrize(
    ("two", "labels"),
    [
        ([7, -1], ["-1", "7"]),
        ([False, True], ["False", "True"]),
        ([0.0, 1.0], ["0", "1"]),
        (["1", "1.0"], ["0: '1'", "1: '1.0'"]),  # of these, the reader of tables makes one class each
        ([" a", "a "], ["0: ' a'", "1: 'a '"]),
        (["nan", "true"], ["0: 'nan'", "1: 'true'"]),
        (["['x', 'y']", "z"], ["0: \"['x', 'y']\"", "1: 'z'"]),  # not a list of two labels
        (["Spam", "[3]"], ["0: 'Spam'", "1: '[3]'"]),  # nor one of one label
    ],
)
def test_classes_of_any_type(two, labels, monkeypatch):
    monkeypatch.setattr("bakeoff.report.output.write_report", lambda run: None)
    y = [two[label == "good"] for label in LABELS]

    trained = classifier(contestants={"linear": {}}).fit(TEXTS, y)

    assert trained.classes_.tolist() == sorted(two)
    assert np.mean(trained.predict(TEXTS) == y) > 0.9
    assert bakeoff.load_classifier(trained.folder_).labels == labels


def test_names_that_a_table_would_read_otherwise_get_a_number():
    combined = np.array(["a", "a,b", "b"])  # the reader of tables would take the second for two labels
    many = np.arange(300)  # and so many numbers for a quantity

    assert _labels(combined, np.arange(90) % 3) == ["0: 'a'", "1: 'a,b'", "2: 'b'"]
    assert _labels(many, np.arange(900) % 300)[7] == "7: 7"
    assert _labels(many[:3], np.arange(90) % 3) == ["0", "1", "2"]


def test_the_costs_of_mistakes_count(fitted):
    trained = clone(fitted).set_params(
        contestants={"majority": {}},
        overrides=[*QUICK, "evaluation.cost={false_negative: 10, false_positive: 1, positive: good}"],
    )
    trained.fit(TEXTS, ["good" if row < 20 else "bad" for row in range(len(TEXTS))])

    assert trained.predict_proba(TEXTS[:1])[0].argmax() == 0  # bad
    assert trained.predict(TEXTS[:1]).tolist() == ["good"]


def test_a_class_that_cannot_be_learned_has_no_probability():
    with pytest.warns(UserWarning, match=r"Never predicted, because they have too few different texts: \['2'\]"):
        trained = classifier(contestants={"linear": {}}).fit(
            [*TEXTS, "so so", "and so on"], [*(int(label == "good") for label in LABELS), 2, 2]
        )

    assert trained.classes_.tolist() == [0, 1, 2]
    assert trained.predict_proba(["so so"])[0, 2] == 0


def test_in_a_pipeline_under_cross_validation(monkeypatch):
    monkeypatch.setattr("bakeoff.report.output.write_report", lambda run: None)
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    pipeline = make_pipeline(lower, classifier(contestants={"linear": {}}))
    texts = np.array([text.upper() for text in TEXTS])

    assert cross_val_score(pipeline, texts, LABELS, cv=2, error_score="raise").mean() > 0.9

    settings = [{"majority": {}}, {"linear": {}}]
    search = GridSearchCV(pipeline, {"bakeoffclassifier__contestants": settings}, cv=2, error_score="raise")
    search.fit(texts, LABELS)
    assert search.best_params_ == {"bakeoffclassifier__contestants": settings[1]}
    assert search.predict(["A FINE FILM"]).tolist() == ["good"]


def test_what_is_not_given_is_what_init_proposes(monkeypatch):
    asked = []
    monkeypatch.setattr("bakeoff.scikit_learn.run", lambda values, folder, overrides: asked.append(values) or 1 / 0)
    for parameters in ({}, {"contestants": {"linear": {}}, "budget": {"epochs": 2}, "random_state": 5}):
        with pytest.raises(ZeroDivisionError):
            BakeoffClassifier(**parameters).fit(TEXTS, LABELS)

    proposed = bakeoff.init({"text": TEXTS, "label": LABELS}).values
    assert [asked[0][key] for key in ("budget", "contestants")] == [proposed["budget"], proposed["contestants"]]
    assert asked[0]["data"]["split"] == asked[1]["data"]["split"] == {"folds": 5, "validation": 0.1}
    assert [asked[1][key] for key in ("budget", "contestants", "seed")] == [{"epochs": 2}, {"linear": {}}, 5]


def test_a_pickle_holds_files_and_no_code(fitted, tmp_path):
    joblib.dump(fitted, tmp_path / "classifier.joblib")
    copy = joblib.load(tmp_path / "classifier.joblib")

    assert np.array_equal(copy.predict_proba(TEXTS), fitted.predict_proba(TEXTS))
    assert copy.folder_ != fitted.folder_
    assert copy.outcome_.verdict == fitted.outcome_.verdict
    assert copy.report_.read_bytes() == fitted.report_.read_bytes()
    models = sorted(path.parent.name for path in copy.folder_.rglob("model"))
    assert models == ["linear"]
    assert not (copy.folder_ / "data").exists()

    words = [word for _, word, _ in pickletools.genops(pickle.dumps(fitted)) if isinstance(word, str)]
    named = {word for word in words if word.startswith("bakeoff.")}
    assert named == {"bakeoff.scikit_learn"}


def test_a_temporary_run_goes_with_its_classifier():
    trained = classifier(contestants={"majority": {}}).fit(TEXTS, LABELS)
    first = trained.folder_
    second = trained.fit(TEXTS, LABELS).folder_
    assert not first.exists()
    assert second.exists()

    del trained
    gc.collect()
    assert not second.exists()


def test_a_run_is_kept_where_it_is_wanted(tmp_path):
    trained = classifier(contestants={"majority": {}}, folder=tmp_path / "mine")
    folders = [clone(trained).fit(TEXTS, LABELS).folder_ for _ in range(2)]

    gc.collect()
    assert folders == [tmp_path / "mine", tmp_path / "mine-2"]
    assert all((folder / "report.html").exists() for folder in folders)


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        ("a film", ["good"], TypeError, "X is a single string; give a list of texts."),
        (["a film", None], ["good", "bad"], TypeError, "X must hold strings, but row 1 is None."),
        (np.array([["a film"], ["b"]]), ["good", "bad"], ValueError, r"not a ndarray of shape \(2, 1\)"),
        ({"text": ["a film"]}, ["good"], ValueError, r"not a dict. Give one column: X\['text'\]."),
        (["a film", "b"], ["good", "good"], ValueError, "y has 1 class, but a classifier needs at least two."),
        (["a film", "b"], [0.5, 0.7], ValueError, "Unknown label type"),
        (["a film", "b", "c"], ["good", "bad"], ValueError, "inconsistent numbers of samples"),
        (["a film", "b"], None, ValueError, "requires y to be passed, but the target y is None"),
    ],
)
def test_what_is_no_text_or_no_class_is_refused(X, y, error, message):
    with pytest.raises(error, match=message):
        classifier().fit(X, y)


def test_a_mistake_in_the_config_leaves_no_folder(tmp_path):
    with pytest.raises(UserError, match="did you mean 'linear'"):
        classifier(contestants={"liner": {}}, folder=tmp_path / "mine").fit(TEXTS, LABELS)

    assert not any(Path(tmp_path).iterdir())


def test_it_answers_only_once_fitted(fitted):
    for ask in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(clone(fitted), ask)(TEXTS)
    assert not hasattr(clone(fitted), "outcome_")
