"""Metrics of several labels against scikit-learn, their linearizations, intervals, thresholds and calibration."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn import metrics as sk

from bakeoff.errors import UserError
from bakeoff.evaluation.calibration import fit_temperature
from bakeoff.evaluation.config import ClassificationEvaluationConfig
from bakeoff.evaluation.label_calibration import (
    calibration_error,
    calibration_error_interval,
    chance_error,
    fit_temperatures,
    label_calibration_errors,
    with_temperatures,
)
from bakeoff.evaluation.label_classifier import LabelAnswers, evaluate_label_classifier
from bakeoff.evaluation.metrics import Draws, get_metric, metrics_of
from bakeoff.evaluation.metrics.multilabel import LabelPredictions
from bakeoff.evaluation.multilabel import label_counts, macro_f1_of_counts
from bakeoff.evaluation.pairing import UnpairedScoresError
from bakeoff.evaluation.stakes import refuse_stakes_of_several
from bakeoff.evaluation.thresholds import best_micro_f1, best_threshold, best_thresholds

DRAWS = Draws(0.95, 1000, 3)
NAMES = [metric.name for metric in metrics_of("classification", "several")]


def answered(texts: int, labels: int, seed: int, skill: float = 1.5, *, coarse: bool = False) -> LabelPredictions:
    """Random answers, better than chance; with `coarse`, many probabilities are equal, and some texts lack labels."""
    random = np.random.default_rng(seed)
    truth = random.random((texts, labels)) < np.linspace(0.1, 0.5, labels)
    probabilities = expit(random.normal(size=truth.shape) + skill * (truth - 0.5))
    probabilities = np.round(probabilities, 1) if coarse else probabilities
    return LabelPredictions(truth, probabilities, probabilities >= 0.5)


def table(predictions: LabelPredictions) -> pa.Table:
    """Return the answers as scores.parquet has them."""
    texts, labels = predictions.truth.shape
    names = [f"l{number}" for number in range(labels)]

    def lists(matrix: np.ndarray) -> pa.Array:
        return pa.array([[names[place] for place in np.flatnonzero(row)] for row in matrix], pa.list_(pa.string()))

    return pa.table(
        {
            "document": [f"{number:04d}" for number in range(texts)],
            "label": lists(predictions.truth),
            "predicted": lists(predictions.chosen),
            **{f"probability_{name}": predictions.probabilities[:, place] for place, name in enumerate(names)},
        }
    )


def value(name: str, predictions: LabelPredictions) -> float:
    return get_metric(name).value(predictions)


@given(texts=st.integers(2, 50), labels=st.integers(2, 6), seed=st.integers(0, 10_000), coarse=st.booleans())
@settings(max_examples=40, deadline=None)
def test_every_metric_is_scikit_learns(texts: int, labels: int, seed: int, coarse: bool) -> None:
    predictions = answered(texts, labels, seed, coarse=coarse)
    truth, probabilities, chosen = predictions.truth, predictions.probabilities, predictions.chosen
    occurring = truth.any(axis=0)
    clipped = np.clip(probabilities, np.finfo(np.float32).tiny, 1)
    expected = {
        "micro_f1": sk.f1_score(truth, chosen, average="micro", zero_division=0),
        "macro_f1": np.nan_to_num(sk.f1_score(truth, chosen, average="macro", zero_division=np.nan)),
        "weighted_f1": sk.f1_score(truth, chosen, average="weighted", zero_division=0),
        "samples_f1": sk.f1_score(truth, chosen, average="samples", zero_division=1),
        "subset_accuracy": sk.accuracy_score(truth, chosen),
    }
    if occurring.any():
        expected["mean_average_precision"] = sk.average_precision_score(
            truth[:, occurring], probabilities[:, occurring], average="macro"
        )
    if not coarse:
        expected["loss"] = np.mean(
            [sk.log_loss(truth[:, label], clipped[:, label], labels=[False, True]) for label in range(labels)]
        )
    assert {name: value(name, predictions) for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize("name", NAMES)
def test_the_units_of_a_metric_have_it_as_their_mean_and_its_interval_holds_it(name):
    predictions, metric = answered(80, 4, 5), get_metric(name)
    scores = table(predictions)
    low, high = metric.interval(predictions, DRAWS)
    assert low <= value(name, predictions) <= high
    if metric.units:
        units = metric.units(scores, name)
        assert units.values.mean() == pytest.approx(value(name, predictions))
    if metric.paired:
        paired = metric.paired.compare(scores, scores, name, DRAWS)
        assert (paired.difference, paired.interval) == (0, (0, 0))


@pytest.mark.parametrize("name", ["micro_f1", "macro_f1", "weighted_f1"])
def test_the_influence_of_a_text_is_what_a_little_more_of_it_changes(name):
    """Against scikit-learn's weights: 0.1 percent more of one text."""
    predictions = answered(40, 3, 2)
    average = name.removesuffix("_f1")
    units = get_metric(name).units(table(predictions), name).values
    whole = value(name, predictions)
    for text in range(40):
        weights = np.ones(40)
        weights[text] += 1e-3
        more = sk.f1_score(predictions.truth, predictions.chosen, average=average, sample_weight=weights)
        assert (more - whole) / 1e-3 * 40 == pytest.approx(units[text] - whole, rel=0.02, abs=1e-3)


@pytest.mark.parametrize("name", ["micro_f1", "macro_f1", "samples_f1", "mean_average_precision", "loss"])
def test_intervals_and_paired_differences_hold_the_truth(name):
    """150 tables of 200 texts; the truth is the mean over large ones."""
    metric = get_metric(name)
    large = [
        (value(name, answered(20_000, 3, seed, 1.5)), value(name, answered(20_000, 3, seed, 1.0))) for seed in (1, 2)
    ]
    truth, other = np.mean(large, axis=0)
    draws = Draws(0.95, 200, 1)
    held = {"interval": 0, "difference": 0}
    for seed in range(100, 250):
        a, b = answered(200, 3, seed, 1.5), answered(200, 3, seed, 1.0)
        low, high = metric.interval(a, draws)
        held["interval"] += low <= truth <= high
        low, high = metric.paired.compare(table(a), table(b), name, draws).interval
        held["difference"] += low <= truth - other <= high
    assert min(held.values()) >= 0.87 * 150


def test_a_text_without_labels_that_is_given_none_counts_as_right():
    none = LabelPredictions(np.zeros((3, 2), bool), np.full((3, 2), 0.1), np.zeros((3, 2), bool))
    assert (value("samples_f1", none), value("subset_accuracy", none)) == (1, 1)
    assert (value("micro_f1", none), value("macro_f1", none)) == (0, 0)
    assert value("mean_average_precision", none) is None
    assert macro_f1_of_counts(label_counts(none.truth, none.chosen)) == 0


def test_scores_of_other_texts_or_other_labels_are_not_paired():
    metric = get_metric("macro_f1")
    one, other = table(answered(20, 3, 1)), table(answered(20, 3, 2))
    with pytest.raises(UnpairedScoresError):
        metric.paired.compare(one, other, "macro_f1", DRAWS)
    single = pa.table({"document": ["1"], "label": ["a"], "predicted": ["a"]})
    with pytest.raises(UnpairedScoresError):
        metric.paired.compare(one, single, "macro_f1", DRAWS)


# --- thresholds -----------------------------------------------------------------------------------------------------


@given(texts=st.integers(1, 40), seed=st.integers(0, 10_000), coarse=st.booleans())
@settings(max_examples=40, deadline=None)
def test_no_other_threshold_has_a_higher_f1(texts: int, seed: int, coarse: bool) -> None:
    predictions = answered(texts, 2, seed, coarse=coarse)
    truth, probabilities = predictions.truth[:, 1], predictions.probabilities[:, 1]
    threshold = best_threshold(truth, probabilities)
    if not truth.any():
        assert threshold == 0.5
        return
    precision, recall, _ = sk.precision_recall_curve(truth, probabilities)
    best = (2 * precision * recall / np.maximum(precision + recall, 1e-300)).max()
    assert sk.f1_score(truth, probabilities >= threshold) == pytest.approx(best)


def test_the_threshold_of_a_label_with_few_texts_is_drawn_to_that_of_all_labels():
    predictions = answered(2000, 3, 4)
    predictions.truth[:, 0] = False
    predictions.truth[:3, 0] = True
    truth, probabilities = predictions.truth, predictions.probabilities
    found = best_thresholds(truth, probabilities)
    shared = best_threshold(truth.ravel(), probabilities.ravel())
    own = [best_threshold(truth[:, place], probabilities[:, place]) for place in range(3)]

    share = 50 / 53
    assert logit(found[0]) == pytest.approx(share * logit(shared) + (1 - share) * logit(own[0]))
    for place in (1, 2):
        assert found[place] == pytest.approx(own[place], abs=0.25 * abs(own[place] - shared) + 1e-9)
    assert best_micro_f1(truth, probabilities) == pytest.approx(
        sk.f1_score(truth, probabilities >= shared, average="micro")
    )


def test_thresholds_of_answers_without_probabilities_stay_between_0_and_1():
    truth = answered(60, 2, 1).truth
    assert best_thresholds(truth, truth.astype(float)) == pytest.approx([0.5, 0.5])
    assert min(best_thresholds(~truth[:, :1], truth[:, :1].astype(float))) > 0


# --- calibration ----------------------------------------------------------------------------------------------------


def test_each_label_gets_back_the_temperature_that_spoiled_it():
    random = np.random.default_rng(3)
    probabilities = expit(random.normal(size=(20_000, 3)))
    truth = random.random(probabilities.shape) < probabilities
    spoiled = expit(logit(probabilities) * [1.0, 3.0, 0.5])

    temperatures = fit_temperatures(truth, spoiled)

    assert temperatures == pytest.approx([1.0, 3.0, 0.5], rel=0.08)
    mended = with_temperatures(spoiled, temperatures)
    assert calibration_error(truth, mended) < 2 * chance_error(mended) < calibration_error(truth, spoiled)
    assert with_temperatures(mended, [1 / each for each in temperatures]) == pytest.approx(spoiled, abs=1e-9)


def test_the_temperature_of_a_label_with_few_texts_is_drawn_to_that_of_all_labels():
    predictions = answered(300, 3, 8)
    predictions.truth[:, 1] = np.arange(300) < 2
    truth, probabilities = predictions.truth, predictions.probabilities
    common = fit_temperature(truth.ravel().astype(int), np.stack([1 - probabilities.ravel(), probabilities.ravel()], 1))
    own = fit_temperature(truth[:, 1].astype(int), np.stack([1 - probabilities[:, 1], probabilities[:, 1]], axis=1))
    assert own != pytest.approx(common, rel=0.2)
    expected = np.exp((2 * np.log(own) + 50 * np.log(common)) / 52)
    assert fit_temperatures(truth, probabilities)[1] == pytest.approx(expected)


def test_the_calibration_error_is_the_mean_over_the_labels_by_hand():
    predictions = answered(90, 2, 6)
    errors = []
    for truth, given_ in zip(predictions.truth.T, predictions.probabilities.T, strict=True):
        bins = np.ceil(given_ * 15)
        errors.append(sum(abs((truth - given_)[bins == each].sum()) for each in np.unique(bins)) / 90)
    assert label_calibration_errors(predictions.truth, predictions.probabilities) == pytest.approx(errors)
    assert value("calibration_error", predictions) == pytest.approx(np.mean(errors))


def test_intervals_of_the_calibration_error_hold_the_truth():
    random = np.random.default_rng(1)

    def spoiled(texts: int) -> tuple[np.ndarray, np.ndarray]:
        probabilities = expit(2 * random.normal(size=(texts, 2)))
        return random.random(probabilities.shape) < probabilities, expit(1.8 * logit(probabilities))

    truth = calibration_error(*spoiled(400_000))
    held = 0
    for _ in range(100):
        low, high = calibration_error_interval(*spoiled(400), confidence=0.95, resamples=200, seed=1)
        held += low <= truth <= high
    assert held >= 88


# --- evaluation -----------------------------------------------------------------------------------------------------


def evaluated(threshold="f1", **changes):
    validation, test = answered(150, 3, 1), answered(100, 3, 2)
    return evaluate_label_classifier(
        LabelAnswers(validation.truth, validation.probabilities),
        LabelAnswers(test.truth, test.probabilities),
        ["a", "b", "c"],
        **{
            "calibrate": True,
            "threshold": threshold,
            "metric": "macro_f1",
            "confidence": 0.95,
            "resamples": 50,
            "seed": 1,
            **changes,
        },
    ), test


def test_an_evaluation_has_the_scores_of_every_label():
    evaluation, test = evaluated()

    assert evaluation.metrics[0].name == "macro_f1"
    assert sorted({metric.name for metric in evaluation.metrics}) == sorted(NAMES)
    precision, recall, f1, texts = sk.precision_recall_fscore_support(test.truth, evaluation.chosen)
    for place, score in enumerate(evaluation.classes):
        assert (score.label, score.texts) == ("abc"[place], texts[place])
        assert score.precision.value == pytest.approx(precision[place])
        assert score.recall.value == pytest.approx(recall[place])
        assert score.f1.value == pytest.approx(f1[place])
        ap = sk.average_precision_score(test.truth[:, place], evaluation.probabilities[:, place])
        assert score.average_precision.value == pytest.approx(ap)
        assert 0 < score.average_precision.low < ap < score.average_precision.high < 1
        assert score.threshold == evaluation.thresholds[place]
    assert (evaluation.chosen == (evaluation.probabilities >= evaluation.thresholds)).all()


def test_one_threshold_for_all_labels_and_probabilities_left_as_they_are():
    evaluation, test = evaluated(0.3, calibrate=False)
    assert evaluation.thresholds == [0.3] * 3
    assert evaluation.calibration is None
    assert (evaluation.probabilities == test.probabilities).all()


def test_metrics_and_stakes_that_make_no_sense_are_refused():
    assert ClassificationEvaluationConfig().deciding(multilabel=True) == "micro_f1"
    assert ClassificationEvaluationConfig().deciding(multilabel=False) == "accuracy"
    assert ClassificationEvaluationConfig(metric="macro_f1").deciding(multilabel=True) == "macro_f1"
    with pytest.raises(UserError, match=r"accuracy is not defined where every text can have several(.|\n)*micro_f1"):
        ClassificationEvaluationConfig(metric="accuracy").deciding(multilabel=True)
    with pytest.raises(UserError, match=r"micro_f1 is not defined where every text has one label(.|\n)*accuracy"):
        ClassificationEvaluationConfig(metric="micro_f1").deciding(multilabel=False)
    for key, given_ in (("cost", {"false_negative": 2, "false_positive": 1}), ("labels", ["a", "b"])):
        with pytest.raises(UserError, match=f"evaluation.{key} is for tables in which every text has one label"):
            refuse_stakes_of_several(ClassificationEvaluationConfig(**{key: given_}))
