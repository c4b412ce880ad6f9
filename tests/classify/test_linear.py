"""TF-IDF and logistic regression against scikit-learn's own pipeline."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from bakeoff.classify.linear import LinearModel
from bakeoff.classify.majority import MajorityModel
from bakeoff.errors import UserError
from bakeoff.spec.schema import LinearContestant
from tests.classify.small_data import small_table


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
@pytest.mark.parametrize("classes", [2, 3])
def test_linear_equals_scikit_learn_before_and_after_saving(tmp_path, classes, class_weights):
    table = small_table(rows=121, classes=classes)
    settings = LinearContestant(
        max_ngram=2, min_document_frequency=2, inverse_regularization=3.0, class_weights=class_weights
    )
    peer = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"\b\w+\b"),
        LogisticRegression(C=3.0, max_iter=1000, class_weight=None if class_weights == "none" else "balanced"),
    ).fit(table.train.texts, table.train.labels)
    texts = [*table.test.texts, "", "unheard of"]

    model = LinearModel.fit(table.train.texts, table.train.labels, settings, 0)
    model.save(tmp_path)
    loaded = LinearModel.load(tmp_path)

    assert model.probabilities(texts) == pytest.approx(peer.predict_proba(texts), abs=1e-9)
    assert np.array_equal(loaded.probabilities(texts), model.probabilities(texts))
    assert {file.suffix for file in tmp_path.iterdir()} == {".json", ".safetensors"}


def test_another_seed_gives_the_same_linear_model():
    """So `repeats` need not train it again."""
    table = small_table(classes=3)
    one, other = (LinearModel.fit(table.train.texts, table.train.labels, LinearContestant(), seed) for seed in (1, 2))

    assert np.array_equal(one.weights, other.weights)
    assert np.array_equal(one.intercepts, other.intercepts)


def test_majority_answers_with_the_shares_of_the_training_split(tmp_path):
    MajorityModel.fit([0, 1, 1, 1], 3).save(tmp_path)

    found = MajorityModel.load(tmp_path).probabilities(["fine", "dull"])

    assert found.tolist() == [[0.25, 0.75, 0.0]] * 2


def test_texts_without_any_frequent_word_are_explained():
    with pytest.raises(UserError, match="Lower min_document_frequency"):
        LinearModel.fit(["one", "two", "three"], [0, 1, 0], LinearContestant(min_document_frequency=2), seed=0)
