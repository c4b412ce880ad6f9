"""scikit-learn as its users would type it: TF-IDF of unigrams and bigrams, and logistic regression."""

from __future__ import annotations

import time
from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from peers import tables
from peers.job import PREDICTED, Job, Measured


def contestant(job: Job) -> Measured:
    """Train and evaluate. The value is the accuracy."""
    data = tables.split(job)
    started = time.perf_counter()
    model = _fit(data)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    predicted = model.predict(data.test.texts)
    predicting = time.perf_counter() - started
    accuracy = float((predicted == data.test.labels).mean())
    return Measured(seconds, len(data.train), accuracy, details={PREDICTED: len(data.test) / predicting})


def predict(job: Job) -> Measured:
    data = tables.split(job)
    model = _fit(data)
    started = time.perf_counter()
    found = model.predict_proba(data.test.texts[: job.reviews])
    return Measured(time.perf_counter() - started, len(found))


def _fit(data: Any) -> Pipeline:
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=1000))
    return model.fit(data.train.texts, data.train.labels)
