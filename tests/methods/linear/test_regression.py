"""Newton's method against liblinear, which solves the same problem in another way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix, diags, random, vstack
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from bakeoff.methods.linear import regression
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.linear.model import LinearModel
from bakeoff.methods.linear.regression import by_columns, fit_logistic
from tests.methods.small_data import small_table

CHANCE = np.random.default_rng(5)
FEATURES = csr_matrix(random(400, 900, density=0.03, random_state=1, format="csr", dtype=np.float32))
FEATURES.data /= np.repeat(np.sqrt(FEATURES.multiply(FEATURES).sum(axis=1).A1), np.diff(FEATURES.indptr))
SCALE = CHANCE.normal(size=900)
INSIDE = (FEATURES @ SCALE + CHANCE.normal(size=400) * 0.1) > 0.3


@pytest.fixture(autouse=True)
def several_parts(monkeypatch):
    monkeypatch.setattr(regression, "_VALUES_AT_ONCE", 1_000)
    monkeypatch.setattr(regression, "_VALUES_PER_COLUMN", 1)


@pytest.mark.parametrize("strength", [0.3, 10.0, 1000.0])
@pytest.mark.parametrize("weights", [None, "balanced"])
def test_the_weights_are_liblinears(strength, weights):
    peer = LogisticRegression(
        C=strength, solver="liblinear", dual=True, tol=1e-9, max_iter=100_000, class_weight=weights
    ).fit(FEATURES.astype(np.float64) @ diags(SCALE), INSIDE)

    found = fit_logistic(by_columns(FEATURES.copy()), SCALE, INSIDE, strength=strength, balanced=weights is not None)

    expected = np.append(peer.coef_[0], peer.intercept_[0])
    assert np.abs(found - expected).max() < 2e-4 * np.abs(expected).max()


def test_blocks_are_the_features_sorted_by_column_in_their_memory():
    features = FEATURES.copy()

    blocks = by_columns(features)

    assert len(blocks) > 1
    assert np.array_equal(vstack(blocks).toarray(), FEATURES.toarray())
    assert all(np.shares_memory(block.data, features.data) for block in blocks)
    assert all(np.shares_memory(block.indices, features.indices) for block in blocks)


def test_the_number_of_threads_does_not_change_a_bit():
    wide = csr_matrix(random(300, 30_000, density=0.01, random_state=2, format="csr", dtype=np.float32))
    inside = np.arange(300) % 3 == 0
    blocks, found = by_columns(wide), []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(fit_logistic(blocks, np.ones(30_000), inside, strength=1.0, balanced=False))

    assert np.array_equal(*found)


def test_rows_without_features_and_one_class_alone_have_a_solution():
    empty = csr_matrix((5, 3), dtype=np.float32)

    found = fit_logistic(by_columns(empty), np.ones(3), np.ones(5, dtype=bool), strength=1.0, balanced=False)

    assert found[:3].tolist() == [0, 0, 0]
    assert found[3] == pytest.approx(5 / (1 + np.exp(found[3])), rel=1e-4)


@pytest.mark.parametrize("several", [False, True])
def test_a_model_of_many_values_is_that_of_few(monkeypatch, several):
    table = small_table(rows=121, classes=3)
    settings = LinearConfig(naive_bayes=True)
    labels = np.eye(3, dtype=bool)[table.train.labels] if several else table.train.labels
    few = LinearModel.fit(table.train.texts, labels, settings)
    monkeypatch.setattr(regression, "MOST_VALUES_OF_LIBLINEAR", 0)

    many = LinearModel.fit(table.train.texts, labels, settings)

    texts = table.test.texts
    assert not np.array_equal(many.weights, few.weights)
    assert many.probabilities(texts) == pytest.approx(few.probabilities(texts), abs=0.01)
