"""Every metric is one row: whoever adds one adds it everywhere."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from typing import Any, cast, get_args

import numpy as np
import pyarrow as pa
import pytest

from bakeoff.evaluation.config import ClassificationEvaluationConfig, DecidingMetric
from bakeoff.evaluation.intervals import bootstrap_ratio
from bakeoff.evaluation.measuring import classification_metrics, language_model_metrics
from bakeoff.evaluation.metrics import METRICS, Draws, Metric, deciding_metrics, get_metric, metric_name, metrics_of
from bakeoff.evaluation.metrics.predictions import Predictions
from bakeoff.evaluation.pairing import answers
from bakeoff.evaluation.repeats import average
from bakeoff.lm.perplexity import Perplexity
from bakeoff.report.explanations import explain, explanations
from bakeoff.report.loaded import LoadedRun
from bakeoff.report.tables import quality_rows
from bakeoff.runs.results import ContestantResult, MetricValue
from tests.evaluation.test_verdict import DRAWS, classified, modelled, result

LABELS = np.array([0, 1, 1, 0, 1, 0, 1] * 3)
PROBABILITIES = np.array([[0.7, 0.3], [0.2, 0.8], [0.6, 0.4], [0.9, 0.1], [0.1, 0.9], [0.3, 0.7], [0.45, 0.55]] * 3)

PREDICTIONS = Predictions(
    LABELS,
    PROBABILITIES,
    costs=np.array([0.0, 10.0, 1.0] * 7),
    ranks=(LABELS, PROBABILITIES.argmax(axis=1)),
    costs_described="(false_negative=10, false_positive=1)",
)

MEASURED = Perplexity(
    protocol="document(context=64)",
    perplexity=math.exp(3),
    nll=3.0,
    tokens=100,
    words=80,
    bytes=400,
    word_perplexity=math.exp(300 / 80),
    byte_perplexity=math.exp(300 / 400),
    bits_per_byte=300 / 400 / math.log(2),
    interval=(19.0, 21.0),
    interval_unit="document",
)


def own_score(predictions: Predictions) -> float:
    return float(np.mean((predictions.probabilities[:, 1] - predictions.labels) ** 2))


OWN = Metric(
    name="own",
    title="own score",
    task="classification",
    meaning="Mean squared distance between probability and truth.",
    higher_is_better=False,
    value=own_score,
    interval=lambda predictions, draws: bootstrap_ratio(
        (predictions.probabilities[:, 1] - predictions.labels) ** 2,
        np.ones(len(predictions.labels)),
        confidence=draws.confidence,
        resamples=draws.resamples,
        seed=draws.seed,
    ),
    interval_meaning="bootstrap over {unit}s, as for the loss.",
    unpaired_because="It is only an example.",
)


def with_more_classes(predictions: Predictions) -> Predictions:
    """The same with five classes, because top-3 accuracy needs more than three."""
    random = np.random.default_rng(1)
    return replace(predictions, labels=random.integers(5, size=21), probabilities=random.dirichlet([1] * 5, size=21))


def measured() -> list[MetricValue]:
    return classification_metrics(PREDICTIONS, PREDICTIONS, split="test", **DRAWS)


def run_with(*results: ContestantResult) -> LoadedRun:
    """A run as far as tables and explanations read it."""

    class Run:
        pass

    run: Any = Run()
    run.results = list(results)
    return cast(LoadedRun, run)


def test_a_row_makes_a_metric_appear_in_results_tables_and_explanations(monkeypatch):
    before = [value.name for value in measured()]
    monkeypatch.setitem(METRICS, "own", OWN)
    values = measured()
    assert [value.name for value in values] == [*before, "own"]
    a, b = (result(name, 0.5).model_copy(update={"metrics": values}) for name in "ab")

    row = quality_rows(run_with(a, b))[-1]
    explanation = explanations(run_with(a, b))[-1]

    assert (row.title, row.remark, len(row.cells)) == ("Own score", "", 2)
    assert " to " in row.cells[0].remark
    assert explanation.title == "Own score"
    assert explanation.sentences == [
        "Mean squared distance between probability and truth.",
        "Measured on 21 texts of the test split.",
        "95% interval: bootstrap over texts, as for the loss.",
    ]


def test_an_interval_over_seeds_is_not_said_to_be_that_of_one_training():
    def once(name: str, accuracy: float) -> ContestantResult:
        found = result(name, accuracy)
        known = {"low": accuracy - 0.1, "high": accuracy + 0.1, "interval_unit": "text"}
        return found.model_copy(update={"metrics": [found.metrics[0].model_copy(update=known)]})

    seeds = [once("lstm", accuracy) for accuracy in (0.6, 0.7)]
    mean = average(seeds, [classified(np.arange(100) < number) for number in (60, 70)], confidence=0.95)

    (alone,) = explanations(run_with(mean))
    (both,) = explanations(run_with(mean, once("linear", 0.8)))

    assert alone.sentences[2:] == [
        "95% interval: Student's t over seeds and texts, after Satterthwaite.",
        "With several seeds: their mean.",
    ]
    assert both.sentences[2:] == [
        "95% interval: Wilson score interval of a proportion.",
        "With several seeds: their mean, and an interval over seeds and texts (Student's t after Satterthwaite).",
    ]


@pytest.mark.parametrize("word_perplexity", [math.inf, math.nan])
def test_a_text_without_words_has_all_metrics_but_the_word_perplexity(word_perplexity):
    def names(loss: Perplexity) -> list[str]:
        values = language_model_metrics(loss, whole_text=True, version=1, split="test", documents=1, confidence=0.95)
        return [value.name for value in values]

    assert names(MEASURED) == ["perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte"]
    assert names(replace(MEASURED, word_perplexity=word_perplexity)) == [
        *("perplexity", "byte_perplexity", "bits_per_byte")
    ]


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_every_row_says_what_it_is_and_how_it_is_compared(metric):
    assert METRICS[metric.name] is metric
    assert metric.title
    assert metric.heading[0].isupper()
    assert metric.meaning.endswith(".")
    assert bool(metric.interval) == bool(metric.interval_meaning)
    assert bool(metric.paired) != bool(metric.unpaired_because), "a paired comparison, or the reason why there is none"
    if metric.paired:
        assert metric.units, "a metric that decides needs units, to be compared over several seeds"


@pytest.mark.parametrize("metric", metrics_of("classification", "one"), ids=lambda metric: metric.name)
def test_the_functions_of_a_classification_row_exist_and_agree(metric):
    draws, predictions = Draws(**DRAWS), with_more_classes(PREDICTIONS) if "top" in metric.name else PREDICTIONS
    value = metric.value(predictions)
    low, high = metric.interval(predictions, draws)
    assert metric.bounds[0] <= low <= value <= high <= metric.bounds[1]
    scores = pa.table(
        {
            "document": [f"{index:02d}" for index in range(len(LABELS))],
            "label": predictions.labels.astype(str),
            "predicted": predictions.predicted.astype(str),
            "cost": predictions.costs,
            "label_rank": predictions.labels,
            "predicted_rank": predictions.predicted,
            **{f"probability_{label}": column for label, column in enumerate(predictions.probabilities.T)},
        }
    )
    if metric.units:
        units = metric.units(scores, metric.name)
        assert (units.values * units.weights).sum() / units.weights.sum() == pytest.approx(value, abs=1e-3)
    if metric.paired:
        assert metric.paired.compare(scores, scores, metric.name, draws).difference == 0


def test_language_models_have_every_metric_where_the_whole_text_is_predicted():
    settings = {"version": 2, "split": "test", "documents": 7, "confidence": 0.9}
    names = [metric.name for metric in metrics_of("language-model") if not metric.of_answers]

    values = language_model_metrics(MEASURED, whole_text=True, **settings)

    assert [value.name for value in values] == names == ["perplexity", *names[1:]]
    assert [value.value for value in values] == [getattr(MEASURED, name) for name in names]
    assert {(value.protocol, value.protocol_version, value.confidence) for value in values} == {
        ("document(context=64)", 2, 0.9)
    }
    assert [(value.low, value.high) for value in values] == [(19.0, 21.0)] + [(None, None)] * (len(names) - 1)
    (perplexity,) = language_model_metrics(MEASURED, whole_text=False, **settings)
    assert perplexity == values[0]


def test_perplexity_is_compared_in_nats_per_token():
    metric, losses = get_metric("perplexity"), np.linspace(2, 4, 8)
    assert metric.paired
    paired = metric.paired.compare(modelled(losses), modelled(losses - 0.1), "window", Draws(**DRAWS))
    assert paired
    assert paired.difference == pytest.approx(0.1)


def test_means_and_intervals_of_logarithmic_metrics_are_taken_of_the_logarithm():
    metric = get_metric("perplexity")
    assert metric.mean([math.exp(2), math.exp(3)]) == pytest.approx(math.exp(2.5))
    assert metric.from_units((1.0, 2.0)) == pytest.approx((math.e, math.e**2))
    assert get_metric("accuracy").from_units((0.9, 1.1)) == (0.9, 1.0)


def test_units_of_accuracy_are_right_answers():
    right = np.array([True, False, True])
    units = get_metric("accuracy").units
    assert units
    assert units(classified(right), "accuracy").values.tolist() == answers(classified(right)).right.tolist()


def test_the_config_offers_the_metrics_that_can_decide():
    assert (
        list(get_args(DecidingMetric))
        == deciding_metrics("classification")
        == [
            *("cost", "accuracy", "micro_f1", "macro_f1", "samples_f1", "subset_accuracy", "mean_average_precision"),
            *("mean_absolute_error", "quadratic_kappa", "loss", "weighted_f1"),
            *("balanced_accuracy", "matthews", "average_precision", "top_3_accuracy", "brier"),
        ]
    )
    for name in deciding_metrics("classification"):
        needed = {"cost": {"false_negative": 10, "false_positive": 1}, "labels": "ordered"}
        assert ClassificationEvaluationConfig(metric=name, **needed).metric == name


def test_unknown_names():
    with pytest.raises(KeyError, match="Did you mean 'accuracy'"):
        get_metric("acuracy")
    assert metric_name("macro_f1") == "macro-F1"
    assert metric_name("some_new_one") == "some new one"
    other = measured()[0].model_copy(update={"name": "some_new_one", "protocol": "some_new_one"})
    assert explain(other).title == "Some new one"


def test_reading_the_rows_imports_nothing_heavy():
    script = (
        "import sys, bakeoff.evaluation.config;"
        "print([name for name in ('numpy', 'scipy', 'sklearn', 'pyarrow', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
