"""scikit-learn's estimators where a text can have several labels: those that take them, and those that do not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from bakeoff.errors import UserError
from bakeoff.methods.estimator.model import EstimatorModel
from bakeoff.methods.estimator.several_labels import for_several_labels
from tests.methods.small_data import small_label_table

TABLE = small_label_table()


def fitted(last) -> EstimatorModel:
    estimator = for_several_labels(make_pipeline(TfidfVectorizer(), last))
    estimator.fit(TABLE.train.texts, TABLE.train.sets.astype(np.int64))
    return EstimatorModel(estimator, 3, multilabel=True)


@pytest.mark.parametrize(
    ("last", "wrapped"),
    [
        (LogisticRegression(C=100), True),
        (MultinomialNB(), True),
        (LinearSVC(), True),
        (DecisionTreeClassifier(random_state=0), False),
        (KNeighborsClassifier(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_label_is_learned_by_the_estimator_or_against_the_rest(last, wrapped):
    model = fitted(last)
    rows = model.probabilities(TABLE.test.texts)

    assert isinstance(model.estimator.steps[-1][1], OneVsRestClassifier) == wrapped
    assert rows.shape == (40, 3)
    assert ((rows >= 0) & (rows <= 1)).all()
    assert ((rows >= 0.5) == TABLE.test.sets).mean() > 0.75
    if wrapped and hasattr(last, "predict_proba"):
        alone = make_pipeline(TfidfVectorizer(), last).fit(TABLE.train.texts, TABLE.train.sets[:, 0])
        assert rows[:, 0] == pytest.approx(alone.predict_proba(TABLE.test.texts)[:, 1])


def test_answers_of_another_shape_are_refused():
    class Odd:
        def predict_proba(self, texts):
            return np.ones((len(texts), 2))

    with pytest.raises(UserError, match="predict_proba of the Odd does not give a row for each text"):
        EstimatorModel(Odd(), 3, multilabel=True).probabilities(["a"])
