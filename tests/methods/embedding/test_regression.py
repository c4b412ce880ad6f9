"""The regression finds scikit-learn's optimum, and its strength by data that it was not fitted on."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from bakeoff.methods.embedding.regression import STRENGTHS, Regression, choose_strength, fit, held_out_parts


def table(classes: int, rows: int = 300, values: int = 12, noise: float = 1.0, seed: int = 0):
    random = np.random.default_rng(seed)
    centers = np.random.default_rng(7).normal(size=(classes, values)) * 5 + 3
    labels = np.arange(rows) % classes
    vectors = centers[labels] + random.normal(size=(rows, values)) * noise * np.linspace(1, 30, values)
    return vectors.astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("rule", [None, "balanced"])
def test_it_is_scikit_learn_s_on_standardized_vectors(classes, rule):
    vectors, labels = table(classes)
    vectors[:, 3] = 5  # never varies

    own = fit(vectors, labels, rule, 0.1).probabilities(vectors)

    scaled = StandardScaler().fit_transform(vectors.astype(np.float64))
    reference = LogisticRegression(C=0.1, class_weight=rule, tol=1e-8, max_iter=1000).fit(scaled, labels)
    assert own == pytest.approx(reference.predict_proba(scaled), abs=2e-3)


def test_noise_wants_a_strong_penalty_and_signal_a_weak_one():
    noisy, labels = table(2, rows=60, values=50, noise=30)
    clear, _ = table(2, rows=60, values=50, noise=0.2)

    assert choose_strength(noisy, labels, None) <= 1e-3
    assert choose_strength(clear, labels, None) >= 0.1


def test_the_strength_generalizes():
    vectors, labels = table(2, rows=120, values=60, noise=6)
    held_out, answers = table(2, rows=2000, values=60, noise=6, seed=1)

    def loss(strength: float) -> float:
        rows = fit(vectors, labels, None, strength).probabilities(held_out)
        return float(-np.log(rows[np.arange(len(rows)), answers]).mean())

    losses = [loss(strength) for strength in STRENGTHS]
    assert loss(choose_strength(vectors, labels, None)) < min(losses) * 1.1 < max(losses)


def test_all_fifths_are_held_out_or_as_many_as_have_2000_texts():
    assert [held_out_parts(texts) for texts in (10, 2_000, 4_000, 9_999, 1_000_000)] == [5, 5, 3, 2, 1]


def test_rare_classes_and_few_texts():
    vectors, labels = table(2, rows=40)
    labels[:] = 0
    labels[3:7] = 1
    labels[20] = 2  # only once: never both fitted on and held out
    assert choose_strength(vectors, labels, None) in STRENGTHS
    assert choose_strength(vectors[:2], np.array([0, 1]), None) in STRENGTHS


def test_saved_and_loaded(tmp_path):
    vectors, labels = table(3)
    own = fit(vectors, labels, None, 0.1)
    own.save(tmp_path)

    assert np.array_equal(Regression.load(tmp_path).probabilities(vectors), own.probabilities(vectors))
