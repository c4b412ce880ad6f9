"""ROC-AUC: scikit-learn's value, and an interval that holds the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from bakeoff.evaluation.roc import roc_auc


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 0.9])), min_size=1, max_size=40))
@settings(deadline=None)
def test_it_is_scikit_learn_s_ties_included_and_the_same_for_both_classes(texts: list[tuple[bool, float]]) -> None:
    positive, scores = (np.array(side) for side in zip(*texts, strict=True))
    found, turned = roc_auc(positive, scores, 0.95), roc_auc(~positive, 1 - scores, 0.95)
    if positive.all() or not positive.any():
        assert found is turned is None
        return
    assert found.value == pytest.approx(roc_auc_score(positive, scores))
    assert turned.value == pytest.approx(found.value)
    if found.low is not None:
        assert 0 < found.low <= found.value <= found.high < 1
        assert (turned.low, turned.high) == pytest.approx((found.low, found.high))


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    truth = norm.cdf(1.5 / np.sqrt(2))  # of two normal distributions, 1.5 apart
    held = 0
    for _ in range(400):
        positive = random.random(80) < 0.3
        found = roc_auc(positive, random.normal(1.5 * positive), 0.95)
        held += found.low <= truth <= found.high
    assert 0.925 <= held / 400 <= 0.985


@pytest.mark.parametrize("scores", [[0.1, 0.2, 0.8, 0.9], [0.9, 0.8, 0.2, 0.1]])
def test_separated_classes_have_no_interval(scores: list[float]) -> None:
    found = roc_auc([False, False, True, True], scores, 0.95)
    assert found.value in (0, 1)
    assert found.low is found.high is None


def test_a_constant_score_is_guessing() -> None:
    found = roc_auc([True, False, True, False], [0.5] * 4, 0.95)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))
