"""One sentence with all the numbers that the results section of a paper needs."""

from __future__ import annotations

from bakeoff.evaluation.metrics import METRICS, documents, get_metric, metric_name
from bakeoff.evaluation.wording import level, listed, number, p_value
from bakeoff.report.explanations import protocol_of
from bakeoff.report.loaded import LoadedRun
from bakeoff.report.tables import deciding_comparison
from bakeoff.runs.results import Comparison, MetricValue

# Where the interval of a difference comes from, and its p-value.
_METHODS = {
    "McNemar": ("paired bootstrap", "exact McNemar test, "),
    "bootstrap": ("paired bootstrap", ""),
    "Student": ("Student's t over seeds and {unit}s", ""),
}


def results_sentence(run: LoadedRun) -> str:
    """Return the best contestant's metric and its lead over the next one: intervals, test, n, correction and seeds."""
    metric = run.primary_metric
    protocol = f" ({protocol_of(metric)})" if protocol_of(metric) else ""
    reached = (
        f"On {documents(metric)}, {run.verdict.best} reached {_article(metric_name(metric.name))}{protocol} of "
        f"{number(metric.value)}{_interval(metric)}"
    )
    lead = f", {_lead(run, run.verdict.comparisons[0])}" if run.verdict.comparisons else ""
    return f"{reached}{lead}; {trainings(run.best_first)}."


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _interval(metric: MetricValue) -> str:
    """Return ` (95% CI 0.94 to 0.95, Wilson score interval of a proportion)`, or nothing where there is none."""
    if metric.low is None or metric.high is None:
        return ""
    row = METRICS.get(metric.name)
    how = row.interval_meaning.format(unit=metric.interval_unit).rstrip(".") if row else ""
    if metric.by_seed:
        how = f"Student's t over seeds and {metric.interval_unit}s"
    if metric.folds:
        how += f"{', ' * bool(how)}widened for the overlap of the folds after Nadeau and Bengio (2003)"
    ends = f"{level(metric.confidence)} CI {number(metric.low)} to {number(metric.high)}"
    return f" ({ends}{', ' * bool(how)}{how})"


def _lead(run: LoadedRun, comparison: Comparison) -> str:
    """Say how far the best leads the next one, or that the two are not told apart."""
    other = next(result for result in run.results if result.name == comparison.worse)
    metric, confidence = other.metrics[0], run.primary_metric.confidence
    difference = deciding_comparison(run).difference.lead(comparison)
    how, test = _METHODS[comparison.test]
    evidence = f"{level(confidence)} CI {difference.low} to {difference.high}, "
    evidence += how.format(unit=get_metric(metric.name).counted)
    if comparison.p_value is not None and comparison.corrected_p_value is not None:
        evidence += f"; {test}{_p(comparison.p_value)}"
        if (comparisons := len(run.verdict.comparisons)) > 1:
            evidence += f", {_p(comparison.corrected_p_value)} after Holm's correction for {comparisons} comparisons"
    value = number(metric.value)
    if comparison.distinguishable:
        return f"{difference.lead} than {comparison.worse} ({value}; difference: {evidence})"
    return (
        f"which is not significantly different from {comparison.worse} ({value}; {difference.lead}, {evidence}; "
        f"significance level {round(1 - confidence, 6):g})"
    )


def _p(value: float) -> str:
    """Return `p = 0.013` or `p < 0.0001`."""
    shown = p_value(value)
    return f"p < {shown.removeprefix('below ')}" if shown.startswith("below") else f"p = {shown}"


def trainings(run: LoadedRun) -> str:
    """Say how often everything was trained, and with which seeds."""
    per_fold = " per fold" if run.data.folds else ""
    repeated = next((result for result in run.results if result.seeds), None)
    if repeated is None:
        seeds = sorted({result.seed for result in run.results})
        plural = "s" if len(seeds) > 1 else ""
        methods = "it was" if len(run.results) == 1 else f"each of the {len(run.results)} methods was"
        return f"{methods} trained once{per_fold}, with seed{plural} {listed(list(map(str, seeds)))}"
    deviation = run.primary_metric.deviation
    between = f", standard deviation {number(deviation)}" if deviation is not None else ""
    once = [result.name for result in run.results if not result.seeds]
    rest = f"; {listed(once)} trained once" if once else ""
    return (
        f"values are means over {len(repeated.seeds)} trainings{per_fold} (seeds "
        f"{listed(list(map(str, repeated.seeds)))}{between}{rest})"
    )
