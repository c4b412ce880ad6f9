"""Figures of classifiers equal scikit-learn's, which counts from the texts; ours count from the confusion matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from bakeoff.judge.classification import (
    accuracy,
    class_scores,
    classification_figures,
    confusion,
    log_loss,
    macro_f1,
    text_losses,
)

NAMES = ["bad", "fine", "good", "never seen"]
answers = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60)


@given(answers)
def test_accuracy_and_macro_f1_equal_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, predictions = zip(*pairs, strict=True)
    assert accuracy(labels, predictions) == pytest.approx(metrics.accuracy_score(labels, predictions))
    expected = metrics.f1_score(labels, predictions, average="macro", zero_division=0)
    assert macro_f1(labels, predictions) == pytest.approx(expected)


@given(answers)
def test_every_text_is_in_one_cell_and_the_classes_are_scored_from_it(pairs: list[tuple[int, int]]) -> None:
    labels, predictions = zip(*pairs, strict=True)
    matrix = confusion(labels, predictions, NAMES)
    for true, row in enumerate(matrix.counts):
        for guess, count in enumerate(row):
            assert count == pairs.count((true, guess))
    expected = metrics.precision_recall_fscore_support(labels, predictions, labels=range(4), zero_division=0)
    for index, scores in enumerate(class_scores(matrix)):
        assert scores.label == NAMES[index]
        found = (scores.precision, scores.recall, scores.f1, scores.texts)
        assert found == pytest.approx(tuple(column[index] for column in expected))


def test_log_loss_equals_scikit_learn_and_stays_finite() -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet([1, 1, 1], size=50)
    labels = random.integers(3, size=50)
    assert log_loss(labels, probabilities) == pytest.approx(metrics.log_loss(labels, probabilities, labels=[0, 1, 2]))
    assert np.isfinite(text_losses([0], [[0.0, 1.0]])).all()


def test_figures_say_what_they_are_and_lie_inside_their_intervals() -> None:
    labels, predictions = [0, 1, 1, 0, 1, 0, 1, 1], [0, 1, 0, 0, 1, 1, 1, 1]
    figures = classification_figures(
        labels, predictions, np.linspace(0.1, 1.5, 8), split="test", confidence=0.9, resamples=200, seed=1
    )
    assert [figure.name for figure in figures] == ["accuracy", "macro_f1", "loss"]
    assert figures[0].value == 0.75
    for figure in figures:
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low <= figure.value <= figure.high
        assert (figure.documents, figure.split, figure.confidence) == (8, "test", 0.9)
        assert figure.higher_is_better is (figure.name != "loss")
