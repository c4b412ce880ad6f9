"""Estimators as people bring them."""

from __future__ import annotations

import re

from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC


class Lengths(BaseEstimator, TransformerMixin):
    """A transformer of somebody's own, with a fitted value."""

    def fit(self, texts, labels=None):
        self.longest_ = max(map(len, texts))
        return self

    def transform(self, texts):
        return [[min(len(text) / self.longest_, 1.0)] for text in texts]


class FirstLetter(ClassifierMixin, BaseEstimator):
    """A classifier that only gives labels."""

    def fit(self, texts, labels):
        self.classes_ = sorted(set(labels))
        return self

    def predict(self, texts):
        return [int(text[:1] > "m") for text in texts]


class Fails(FirstLetter):
    def __init__(self, when="fit"):
        self.when = when

    def fit(self, texts, labels):
        if self.when == "fit":
            raise ValueError("no such\nluck")
        return super().fit(texts, labels)

    def predict(self, texts):
        raise RuntimeError("never again")


def split_words(text):
    return re.findall(r"\w+", text.lower())


def seeded():
    return make_pipeline(CountVectorizer(tokenizer=split_words, token_pattern=None), SGDClassifier(loss="log_loss"))


def lengths(strength=1.0):
    return make_pipeline(Lengths(), LogisticRegression(C=strength))


def plain():
    return make_pipeline(TfidfVectorizer(), LogisticRegression())


def support_vectors():
    return make_pipeline(TfidfVectorizer(), LinearSVC())


def with_lambda():
    return make_pipeline(FunctionTransformer(lambda texts: texts), CountVectorizer(), MultinomialNB())


pipeline = plain()
nothing = object()


def broken():
    return 1 / 0


def reading_columns():
    """Return a pipeline of data frames: the texts are in column `text`."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder

    columns = ColumnTransformer(
        [
            ("text", TfidfVectorizer(), "text"),
            ("country", OneHotEncoder(handle_unknown="ignore"), ["country"]),
            ("price", SimpleImputer(), ["price"]),
        ]
    )
    return make_pipeline(columns, LogisticRegression())
