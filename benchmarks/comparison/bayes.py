"""Naive Bayes on TF-IDF as an `estimator` of bakeoff."""

from __future__ import annotations

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline, make_pipeline


def make(analyzer: str, max_ngram: int) -> Pipeline:
    """Return the estimator for n-grams of words or characters."""
    words = TfidfVectorizer(analyzer=analyzer, ngram_range=(1, max_ngram), sublinear_tf=True)
    return make_pipeline(words, MultinomialNB(alpha=0.1))
