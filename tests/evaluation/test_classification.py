"""Metrics of classifiers equal scikit-learn's, which counts texts; ours count from the confusion matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from bakeoff.evaluation.classification import (
    accuracy,
    confusion,
    log_loss,
    macro_f1,
    text_losses,
)
from bakeoff.evaluation.measuring import classification_metrics
from bakeoff.evaluation.metrics.predictions import Predictions

NAMES = ["bad", "fine", "good", "never seen"]
answers = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60)


@given(answers)
def test_accuracy_and_macro_f1_equal_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, predictions = zip(*pairs, strict=True)
    assert accuracy(labels, predictions) == pytest.approx(metrics.accuracy_score(labels, predictions))
    expected = metrics.f1_score(labels, predictions, average="macro", zero_division=0)
    assert macro_f1(labels, predictions) == pytest.approx(expected)


@given(answers)
def test_every_text_is_in_one_cell(pairs: list[tuple[int, int]]) -> None:
    labels, predictions = zip(*pairs, strict=True)
    for true, row in enumerate(confusion(labels, predictions, NAMES).counts):
        for guess, count in enumerate(row):
            assert count == pairs.count((true, guess))


def test_log_loss_equals_scikit_learn_and_stays_finite() -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet([1, 1, 1], size=50)
    labels = random.integers(3, size=50)
    assert log_loss(labels, probabilities) == pytest.approx(metrics.log_loss(labels, probabilities, labels=[0, 1, 2]))
    assert np.isfinite(text_losses([0], [[0.0, 1.0]])).all()


PROBABILITIES = np.array([[0.7, 0.3], [0.2, 0.8], [0.6, 0.4], [0.9, 0.1], [0.1, 0.9], [0.3, 0.7], [0.45, 0.55]])
LABELS = [0, 1, 1, 0, 1, 0, 1]
PREDICTIONS = Predictions(np.array(LABELS), PROBABILITIES)


def test_metrics_say_what_they_are_and_lie_inside_their_intervals() -> None:
    values = classification_metrics(PREDICTIONS, PREDICTIONS, split="test", confidence=0.9, resamples=200, seed=1)
    names = ["accuracy", "macro_f1", "loss", "roc_auc", "calibration_error", "calibration_error"]
    names += ["weighted_f1", "balanced_accuracy", "matthews", "average_precision", "brier"]
    assert [metric.name for metric in values] == names
    assert len({(metric.name, metric.protocol) for metric in values}) == len(values)
    assert values[0].value == pytest.approx(5 / 7)
    assert values[2].value == pytest.approx(metrics.log_loss(LABELS, PROBABILITIES))
    for metric in values:
        assert metric.low is not None
        assert metric.high is not None
        assert metric.low <= metric.value <= metric.high
        assert (metric.documents, metric.split, metric.confidence) == (7, "test", 0.9)
        assert metric.higher_is_better is (metric.name not in ("loss", "calibration_error", "brier"))


def test_the_deciding_metric_comes_first() -> None:
    draws = {"split": "test", "confidence": 0.9, "resamples": 50, "seed": 1}
    by_accuracy = classification_metrics(PREDICTIONS, **draws)
    by_macro_f1 = classification_metrics(PREDICTIONS, metric="macro_f1", **draws)
    assert [metric.name for metric in by_macro_f1][:2] == ["macro_f1", "accuracy"]
    assert sorted(by_macro_f1, key=lambda metric: metric.name) == sorted(by_accuracy, key=lambda metric: metric.name)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_class_without_test_texts_changes_nothing_for_the_others(classes: int) -> None:
    """Its metrics are left out, and those of all texts are computed."""
    probabilities = np.full((4, classes), 0.1)
    probabilities[:, 0] = 1 - probabilities[:, 1:].sum(axis=1)
    predictions = Predictions(np.zeros(4, dtype=int), probabilities)
    draws = {"split": "test", "confidence": 0.95, "resamples": 50, "seed": 1}
    values = {metric.name: metric.value for metric in classification_metrics(predictions, **draws)}
    assert values["accuracy"] == values["macro_f1"] == 1
    assert "roc_auc" not in values
