"""HTML for notebooks: what `_repr_html_` of outcomes, plans, predictions and comparisons returns.

It has tables and no styles, which many places that show notebooks remove. All texts are escaped.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from bakeoff.evaluation.metrics import METRICS
from bakeoff.evaluation.wording import p_value
from bakeoff.report import tables
from bakeoff.report.loaded import LoadedRun
from bakeoff.report.plan import plan_rows, plan_sentences
from bakeoff.report.rendering import html_environment
from bakeoff.runs.plans import Plan
from bakeoff.runs.results import Comparison

_MOST_LABELS = 10
_COSTS = 4  # the first ones of the table: the report has them all


def run_html(run: LoadedRun) -> str:
    """Return the verdict and the comparison of a run, or of several."""
    rows = [*tables.rank_row(run), *tables.quality_rows(run), *tables.cost_rows(run)[:_COSTS]]
    return _rendered("run", run=run, roles=[tables.role(run, result.name) for result in run.results], rows=rows)


def plan_html(plan: Plan) -> str:
    """Return a plan with its totals and warnings."""
    rows = [(title, list(map(show, plan.contestants))) for title, show in plan_rows(plan)]
    return _rendered("plan", plan=plan, rows=rows, sentences=[sentence for sentence, _ in plan_sentences(plan)])


def prediction_html(probabilities: dict[str, float], labels: Collection[str]) -> str:
    """Return the most probable labels; the predicted ones are bold, and the first to be shown."""
    ranked = sorted(probabilities, key=lambda name: (name not in labels, -probabilities[name]))[:_MOST_LABELS]
    ranked.sort(key=lambda name: -probabilities[name])
    more = len(probabilities) - len(ranked)
    return _rendered("prediction", labels=labels, rows=[(name, probabilities[name]) for name in ranked], more=more)


def comparison_html(comparison: Comparison) -> str:
    """Return a paired comparison as a table of one row."""
    metric = METRICS.get(comparison.metric, METRICS["perplexity"])  # else it names a protocol
    assert metric.paired is not None  # of a metric that has decided a verdict
    change = metric.paired.difference.change
    cells = {
        "Best": comparison.better,
        "Against": comparison.worse,
        metric.paired.difference.title(metric.title): change(comparison.difference),
        "Interval": f"{change(comparison.low)} to {change(comparison.high)}",
        f"p ({comparison.test})": "–" if comparison.p_value is None else p_value(comparison.p_value),
        "Corrected p": "–" if comparison.corrected_p_value is None else p_value(comparison.corrected_p_value),
        "Told apart": "yes" if comparison.distinguishable else "no",
    }
    return _rendered("comparison", cells=cells)


def _rendered(macro: str, **values: Any) -> str:
    return str(getattr(html_environment().get_template("notebook.html").module, macro)(**values))
