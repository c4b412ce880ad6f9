"""Regressions of several labels, fitted together, are scikit-learn's of each label by itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from bakeoff.methods.embedding.label_regression import choose_label_strength, fit_labels
from bakeoff.methods.embedding.regression import DEFAULT_STRENGTH, STRENGTHS


def table(texts: int, seed: int = 0, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(texts, 6)).astype(np.float32) * 3 + 1
    scores = (vectors - 1) @ random.normal(size=(6, 3)) + [-4, 0, 2]
    return vectors, scores + noise * random.logistic(size=scores.shape) > 0


@pytest.mark.parametrize("rule", [None, "balanced"])
@pytest.mark.parametrize("strength", [0.01, 1.0])
def test_each_label_is_fitted_as_by_scikit_learn(rule, strength):
    vectors, truth = table(300)
    standardized = StandardScaler().fit_transform(vectors.astype(np.float64))

    found = fit_labels(vectors, truth, rule, strength).probabilities(vectors)

    for label in range(3):
        alone = LogisticRegression(C=strength, class_weight=rule, tol=1e-8).fit(standardized, truth[:, label])
        assert found[:, label] == pytest.approx(expit(alone.decision_function(standardized)), abs=2e-3)


def test_more_noise_asks_for_a_stronger_penalty():
    sharp, noisy = (choose_label_strength(*table(200, noise=noise), None) for noise in (0.1, 30.0))
    assert STRENGTHS[0] <= noisy < sharp <= STRENGTHS[-1]


def test_too_few_texts_have_the_default_strength():
    vectors, truth = table(8)
    assert choose_label_strength(vectors, truth, None) == DEFAULT_STRENGTH
