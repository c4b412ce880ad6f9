"""Compute every metric of a task, each with its interval."""

from __future__ import annotations

from typing import Any

from bakeoff.evaluation.answers import Values
from bakeoff.evaluation.metrics import Draws, Metric, metrics_of
from bakeoff.evaluation.metrics.base import CorpusLoss
from bakeoff.evaluation.metrics.multilabel import LabelPredictions
from bakeoff.evaluation.metrics.predictions import Predictions
from bakeoff.runs.results import MetricValue


def classification_metrics(
    after: Predictions | LabelPredictions,
    before: Predictions | LabelPredictions | None = None,
    *,
    metric: str = "accuracy",
    split: str,
    confidence: float,
    resamples: int,
    seed: int,
) -> list[MetricValue]:
    """Return every metric of classifiers that is defined for these texts.

    Args:
        after: The predictions to evaluate.
        before: Those before calibration, whose calibration error is kept beside the other.
        metric: The metric that decides the verdict; it comes first.
        split: Name of the split, e.g. `test`.
    """
    draws = Draws(confidence, resamples, seed)
    values = []
    texts = len(after.probabilities)
    for row in metrics_of("classification", "several" if isinstance(after, LabelPredictions) else "one"):
        measured = [(after, row.name + (row.settings(after) if row.settings else ""))]
        if row.protocols:
            measured = [
                (predictions, protocol.name + protocol.settings)
                for protocol in row.protocols
                if (predictions := before if protocol.uncalibrated else after) is not None
            ]
        for predictions, protocol in measured:
            value = _measure(row, predictions, draws, protocol, split=split, documents=texts, unit="text")
            values += [value] if value else []
    return sorted(values, key=lambda value: value.name != metric)


def language_model_metrics(
    loss: CorpusLoss, *, whole_text: bool, version: int, split: str, documents: int, confidence: float
) -> list[MetricValue]:
    """Return every metric of language models that a perplexity protocol defines, perplexity first.

    Args:
        loss: The corpus scored under the protocol, with its interval.
        whole_text: True for a protocol that predicts every token, so that losses per word and byte are defined.
        version: Version of the protocol.
        split: Name of the split, e.g. `test`.
        documents: Documents of the corpus.
        confidence: Level of the interval.
    """
    draws = Draws(confidence, resamples=0, seed=0)  # the interval was computed with the loss
    values = (
        _measure(row, loss, draws, loss.protocol, split=split, documents=documents, unit=loss.interval_unit)
        for row in metrics_of("language-model")
        if not row.of_answers and (whole_text or not row.needs_whole_text)
    )
    return [value.model_copy(update={"protocol_version": version}) for value in values if value]


def answer_metrics(
    values: Values, protocol: str, *, split: str, confidence: float, resamples: int, seed: int
) -> list[MetricValue]:
    """Return every metric of generated answers.

    Args:
        values: As `bakeoff.evaluation.answers.compare_answers` returns them.
        protocol: How the answers were generated: `greedy(max_new_tokens=100)`.
    """
    draws = Draws(confidence, resamples, seed)
    measured = (
        _measure(row, values, draws, protocol, split=split, documents=values[row.name].size, unit="answer")
        for row in metrics_of("language-model")
        if row.of_answers
    )
    return [value for value in measured if value]


def _measure(
    metric: Metric, evidence: Any, draws: Draws, protocol: str, *, split: str, documents: int, unit: str
) -> MetricValue | None:
    value = metric.value(evidence)
    if value is None:
        return None
    interval = metric.interval(evidence, draws) if metric.interval else None
    if interval:  # that of influences can leave what is possible
        interval = max(metric.bounds[0], interval[0]), min(metric.bounds[1], interval[1])
    return MetricValue(
        name=metric.name,
        value=value,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        confidence=draws.confidence,
        protocol=protocol,
        split=split,
        documents=documents,
        interval_unit=unit,
        higher_is_better=metric.higher_is_better,
    )
