"""The linear model with columns against scikit-learn's own pipeline."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, RobustScaler

from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.linear.model import LinearModel
from tests.methods.small_data import small_table
from tests.methods.table_columns.small_rows import with_columns


def drawn_in(values):
    return values / np.sqrt(1 + (values / 3) ** 2)


@pytest.mark.parametrize("telling", [True, False])
def test_it_is_scikit_learns_pipeline(telling):
    table = with_columns(small_table(rows=121), telling=telling)
    numbers = make_pipeline(
        RobustScaler(unit_variance=True),
        FunctionTransformer(drawn_in),
        SimpleImputer(strategy="constant", fill_value=0, add_indicator=True),
    )
    words = TfidfVectorizer(
        ngram_range=(1, 2),
        min_df=2,
        sublinear_tf=True,
        tokenizer=lambda text: re.findall(r"\w+|[^\w\s]", text.lower()),
        token_pattern=None,
    )
    categories = OneHotEncoder(min_frequency=5, handle_unknown="infrequent_if_exist")
    peer = make_pipeline(
        ColumnTransformer([("t", words, "text"), ("c", categories, ["country"]), ("n", numbers, ["price"])]),
        LogisticRegression(C=3.0, max_iter=1000, tol=1e-8),
    )

    def frame(texts):
        prices = [np.nan if cell is None else float(cell) for cell in texts.columns["price"]]
        return pd.DataFrame({"text": list(texts), "country": texts.columns["country"], "price": prices})

    peer.fit(frame(table.train.texts), table.train.labels)

    settings = LinearConfig(ngrams="words", max_ngram=2, naive_bayes=False, inverse_regularization=3.0)
    model = LinearModel.fit(table.train.texts, table.train.labels, settings)

    found = model.probabilities(table.test.texts)
    assert found == pytest.approx(peer.predict_proba(frame(table.test.texts)), abs=2e-3)


def test_naive_bayes_leaves_columns_as_they_are():
    table = with_columns(small_table(), telling=True)
    model = LinearModel.fit(table.train.texts, table.train.labels, LinearConfig(naive_bayes=True))

    assert model.weights.shape[1] == model.ngrams.size + model.columns.size
    by_value = dict(zip(model.columns.values, model.weights[0, model.ngrams.size :], strict=True))
    assert min(by_value["country = de"], by_value["country = fr"]) > 0
    assert max(by_value["country = us"], by_value["country = br"]) < 0
