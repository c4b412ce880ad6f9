"""Metrics by name. Configs, tables, reports and verdicts learn from here what there is and what it is called."""

from __future__ import annotations

from typing import Literal

from bakeoff.evaluation.metrics.base import Draws, Metric, MetricProtocol, Paired, PairedComparison
from bakeoff.evaluation.metrics.rows import ROWS
from bakeoff.evaluation.wording import count
from bakeoff.runs.results import MetricValue
from bakeoff.spelling import nearest

__all__ = [
    "METRICS",
    "Draws",
    "Metric",
    "MetricProtocol",
    "Paired",
    "PairedComparison",
    "deciding_metrics",
    "documents",
    "get_metric",
    "metric_name",
    "metrics_of",
]

METRICS: dict[str, Metric] = {metric.name: metric for metric in ROWS}
"""In the order of the tables."""


def get_metric(name: str) -> Metric:
    """Return the metric of that name.

    Raises:
        KeyError: there is none.
    """
    if name not in METRICS:
        near = nearest(name, METRICS)
        raise KeyError(f"'{name}' is not a metric." + f" Did you mean '{near}'?" * bool(near))
    return METRICS[name]


def metrics_of(task: str, labels: Literal["one", "several"] | None = None) -> list[Metric]:
    """Return the metrics of a task in the order of the tables.

    Args:
        labels: Of classifiers, only metrics of those that give a text one label, or several.
    """
    return [
        metric
        for metric in METRICS.values()
        if metric.task == task and (labels is None or metric.labels in (labels, "both"))
    ]


def deciding_metrics(task: str) -> list[str]:
    """Return the names of the metrics that can decide a verdict: those with a paired comparison."""
    return [metric.name for metric in metrics_of(task) if metric.paired]


def metric_name(name: str) -> str:
    """Return what readers call a metric; a name from another version of bakeoff loses its underscores."""
    return METRICS[name].title if name in METRICS else name.replace("_", " ")


def documents(metric: MetricValue) -> str:
    """Return what a metric was measured on: `2,132 test texts`, `1 test document`, `600 test texts in 5 folds`."""
    counted = get_metric(metric.name).counted
    folds = f" in {metric.folds} folds" if metric.folds else ""
    return f"{count(metric.documents)} {metric.split} {counted}{'' if metric.documents == 1 else 's'}{folds}"
