"""Metrics of classifiers against scikit-learn, their linearizations against finite differences, and their tests."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk
from sklearn.preprocessing import label_binarize

from bakeoff.evaluation import classification
from bakeoff.evaluation.measuring import _measure
from bakeoff.evaluation.metrics import Draws, get_metric
from bakeoff.evaluation.metrics.predictions import Predictions

DRAWS = Draws(0.95, 2000, 3)


def answered(classes: int, texts: int, seed: int, skill: float = 2.0, *, coarse: bool = False) -> Predictions:
    """Random answers, better than chance; with `coarse`, many probabilities are equal."""
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=texts)
    labels[:classes] = range(classes)
    logits = random.normal(size=(texts, classes)) + skill * np.eye(classes)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if coarse:
        probabilities = np.round(probabilities, 1) + 1e-3
        probabilities /= probabilities.sum(axis=1, keepdims=True)
    found = Predictions(labels, probabilities)
    return Predictions(labels, probabilities, ranks=(labels, found.predicted))


def value(name: str, predictions: Predictions) -> float:
    return get_metric(name).value(predictions)


@given(classes=st.integers(2, 6), texts=st.integers(12, 60), seed=st.integers(0, 10_000), coarse=st.booleans())
@settings(max_examples=20, deadline=None)
def test_every_metric_is_scikit_learns(classes: int, texts: int, seed: int, coarse: bool) -> None:
    predictions = answered(classes, texts, seed, coarse=coarse)
    labels, predicted, probabilities = predictions.labels, predictions.predicted, predictions.probabilities
    truth = label_binarize(labels, classes=range(classes))
    truth = np.hstack([1 - truth, truth]) if classes == 2 else truth
    expected = {
        "weighted_f1": sk.f1_score(labels, predicted, average="weighted"),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, predicted),
        "matthews": sk.matthews_corrcoef(labels, predicted),
        "average_precision": sk.average_precision_score(truth, probabilities, average="macro"),
        "brier": sk.brier_score_loss(labels, probabilities, labels=range(classes)),
        "loss": sk.log_loss(labels, probabilities),
        "mean_absolute_error": sk.mean_absolute_error(labels, predicted),
        "quadratic_kappa": sk.cohen_kappa_score(labels, predicted, weights="quadratic"),
    }
    assert {name: value(name, predictions) for name in expected} == pytest.approx(expected)
    top = value("top_3_accuracy", predictions)
    if classes <= 3:
        assert top is None
    elif not coarse:  # equal probabilities count in another order
        assert top == pytest.approx(sk.top_k_accuracy_score(labels, probabilities, k=3, labels=range(classes)))


def test_one_class_and_one_answer_are_no_numbers_out_of_nothing() -> None:
    counts = np.array([[5, 0], [0, 0]])
    assert classification.matthews_of_counts(counts) == 0
    assert classification.quadratic_kappa_of_counts(counts) == 0
    assert classification.balanced_accuracy_of_counts(counts) == 1
    assert classification.weighted_f1_of_counts(counts) == 1
    assert classification.average_precisions([0, 0], [[0.5, 0.5], [0.9, 0.1]]) is None


def test_the_influence_of_a_text_is_what_a_little_more_of_it_changes() -> None:
    """Against scikit-learn's weights: 1 percent more of one text."""
    predictions = answered(2, 40, 5, skill=0.7, coarse=True)
    positive, scores = predictions.labels == 1, predictions.probabilities[:, 1]
    units = classification.average_precision_values(positive, scores)
    whole = sk.average_precision_score(positive, scores)
    for text in range(40):
        weights = np.ones(40)
        weights[text] += 1e-6
        more = sk.average_precision_score(positive, scores, sample_weight=weights)
        assert units[text] - whole == pytest.approx(40 * (more - whole) / 1e-6, abs=1e-3)


def table(predictions: Predictions) -> pa.Table:
    return pa.table(
        {
            "document": [f"{text:05d}" for text in range(len(predictions.labels))],
            "label": predictions.labels.astype(str),
            "predicted": predictions.predicted.astype(str),
            "label_rank": predictions.labels,
            "predicted_rank": predictions.predicted,
            **{f"probability_{label}": column for label, column in enumerate(predictions.probabilities.T)},
        }
    )


NAMES = ["weighted_f1", "balanced_accuracy", "matthews", "average_precision", "top_3_accuracy", "brier", "loss"]
ALL = [*NAMES, "mean_absolute_error", "quadratic_kappa"]


@pytest.mark.parametrize("name", ALL)
def test_intervals_and_paired_tests_are_those_of_texts_resampled_one_by_one(name: str) -> None:
    metric, random = get_metric(name), np.random.default_rng(1)
    a = answered(5, 300, 7, skill=1.6)
    noise = random.normal(scale=0.7, size=a.probabilities.shape)
    worse = a.probabilities * np.exp(noise)
    worse /= worse.sum(axis=1, keepdims=True)
    b = Predictions(a.labels, worse, ranks=(a.labels, worse.argmax(axis=1)))
    resampled = []
    for drawn in random.integers(300, size=(250, 300)):
        pair = [
            Predictions(each.labels[drawn], each.probabilities[drawn], ranks=tuple(rank[drawn] for rank in each.ranks))
            for each in (a, b)
        ]
        resampled.append([metric.value(each) for each in pair])
    values = np.array(resampled)

    low, high = metric.interval(a, DRAWS)
    paired = metric.paired.compare(table(a), table(b), metric.name, DRAWS)

    assert (high - low) / 3.92 == pytest.approx(values[:, 0].std(), rel=0.2)
    difference = values[:, 0] - values[:, 1]
    assert (paired.interval[1] - paired.interval[0]) / 3.92 == pytest.approx(difference.std(), rel=0.2)
    assert paired.difference == pytest.approx(metric.value(a) - metric.value(b))
    z = abs(paired.difference) / difference.std()
    assert paired.p_value == pytest.approx(2 * stats.norm.sf(z), rel=0.9, abs=0.01)
    units = metric.units(table(a), metric.name).values
    assert units.mean() == pytest.approx(metric.value(a), abs=2e-3)


def test_the_lead_of_a_smaller_error_reads_as_one() -> None:
    from bakeoff.runs.results import Comparison

    pair = Comparison(better="a", worse="b", metric="cost", difference=-0.25, low=-0.4, high=-0.1, distinguishable=True)
    lead = get_metric("cost").paired.difference.lead(pair)
    assert (lead.lead, lead.low, lead.high, lead.most) == ("0.2500 lower", "0.1000", "0.4000", "0.4000 higher")
    assert get_metric("matthews").paired.difference.lead(pair.model_copy(update={"difference": 0.25})).lead == (
        "0.2500 higher"
    )


def test_an_interval_of_average_precision_ends_at_1() -> None:
    labels = np.array([1, 0, 1, 0])
    of_1 = np.array([0.9, 0.5, 0.3, 0.1])  # the influences of the first text take its own value beyond 1
    predictions = Predictions(labels, np.stack([1 - of_1, of_1], axis=1))
    metric, draws = get_metric("average_precision"), Draws(0.95, 500, 1)
    assert metric.interval is not None

    found = _measure(metric, predictions, draws, "", split="test", documents=4, unit="text")

    assert metric.interval(predictions, draws)[1] > 1
    assert found is not None
    assert found.high == 1
