"""Scores of classes: their values are scikit-learn's, their intervals hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_recall_fscore_support

from bakeoff.evaluation.classification import confusion
from bakeoff.evaluation.per_class import class_scores

NAMES = ["bad", "fine", "good", "never seen"]
answers = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60)


@given(answers)
@settings(deadline=None)
def test_values_equal_scikit_learn_and_what_cannot_be_counted_is_none(pairs: list[tuple[int, int]]) -> None:
    labels, predictions = zip(*pairs, strict=True)
    expected = precision_recall_fscore_support(labels, predictions, labels=range(4), zero_division=np.nan)
    for number, score in enumerate(class_scores(confusion(labels, predictions, NAMES), 0.95)):
        assert (score.label, score.texts) == (NAMES[number], expected[3][number])
        assert score.predicted == predictions.count(number)
        for estimate, column in zip((score.precision, score.recall, score.f1), expected, strict=False):
            assert estimate is None if np.isnan(column[number]) else estimate.value == pytest.approx(column[number])
            if estimate is not None:
                assert 0 <= estimate.low <= estimate.value + 1e-9
                assert estimate.value - 1e-9 <= estimate.high <= 1


def test_a_handful_of_texts_is_never_certain() -> None:
    scores = class_scores(confusion([0, 0, 0, 1], [0, 0, 0, 1], NAMES), 0.95)
    assert scores[0].f1.value == scores[1].f1.value == 1
    assert scores[1].f1.low < scores[0].f1.low < 0.65


def test_the_interval_of_f1_is_that_of_resampled_texts() -> None:
    random = np.random.default_rng(4)
    labels = random.choice(3, size=600, p=[0.6, 0.3, 0.1])
    predictions = np.where(random.random(600) < 0.75, labels, random.integers(3, size=600))
    texts = random.integers(600, size=(400, 600))
    resampled = np.array([f1_score(labels[drawn], predictions[drawn], average=None) for drawn in texts])
    for number, score in enumerate(class_scores(confusion(labels, predictions, NAMES), 0.9)[:3]):
        expected = np.quantile(resampled[:, number], [0.05, 0.95])
        assert (score.f1.low, score.f1.high) == pytest.approx(tuple(expected), abs=0.02)
