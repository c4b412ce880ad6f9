"""Detailed tables: each seed by itself, and language models by document."""

from __future__ import annotations

import math

from bakeoff.evaluation.documents import by_document, by_length
from bakeoff.evaluation.wording import count, number
from bakeoff.report.explanations import protocol_of, title_of
from bakeoff.report.loaded import LoadedRun
from bakeoff.report.tables import deciding_comparison, main_metrics

LISTED_DOCUMENTS = 20
_LENGTHS = 4


def seed_titles(run: LoadedRun) -> list[str]:
    """Return the columns of `seed_rows`."""
    return ["Contestant", "Metric", "Mean", "Std. deviation", "Lowest", "Highest", *seed_columns(run)]


def seed_rows(run: LoadedRun) -> list[list[str]]:
    """Return a row for each contestant with several seeds and each of its metrics."""
    rows = []
    for result in run.results:
        for metric in main_metrics(result):
            if metric.by_seed and metric.deviation is not None:
                summary = [metric.value, metric.deviation, min(metric.by_seed), max(metric.by_seed)]
                title = f"{title_of(metric)} {protocol_of(metric)}".strip()
                values = _filled(run, list(map(number, metric.by_seed)))
                rows.append([result.name, title, *map(number, summary), *values])
    return rows


def fold_titles(run: LoadedRun) -> list[str]:
    """Return the columns of `fold_rows`."""
    folds = run.primary_metric.folds
    return ["Contestant", "Metric", "All folds", *(f"Fold {number}" for number in range(1, folds + 1))]


def fold_rows(run: LoadedRun) -> list[list[str]]:
    """Return the deciding metric of each contestant in each fold; nothing where there are none."""
    deciding = [(result.name, result.metrics[0]) for result in run.results]
    return [
        [name, title_of(metric), number(metric.value), *map(number, metric.by_fold)]
        for name, metric in deciding
        if metric.by_fold
    ]


def difference_titles(run: LoadedRun) -> list[str]:
    """Return the columns of `difference_rows`."""
    return ["Best", "Against", *seed_columns(run)]


def difference_rows(run: LoadedRun) -> list[list[str]]:
    """Return the verdict's comparisons with each seed: points, or percent of perplexity."""
    rows = []
    for comparison in run.verdict.comparisons:
        if comparison.by_seed:
            differences = list(map(deciding_comparison(run).difference.change, comparison.by_seed))
            rows.append([comparison.better, comparison.worse, *_filled(run, differences)])
    return rows


def seed_columns(run: LoadedRun) -> list[str]:
    """Return `Seed 12`, or `Seed no. 1` where contestants of several runs have different ones."""
    different = {tuple(result.seeds) for result in run.results if result.seeds}
    if len(different) == 1:
        return [f"Seed {seed}" for seed in different.pop()]
    return [f"Seed no. {number}" for number in range(1, max(map(len, different), default=0) + 1)]


def _filled(run: LoadedRun, cells: list[str]) -> list[str]:
    return cells + ["–"] * (len(seed_columns(run)) - len(cells))


def length_titles(run: LoadedRun) -> list[str]:
    """Return the columns of `length_rows`."""
    return ["Tokens per document", "Documents", *(contestant.name for contestant in run.contestants)]


def length_rows(run: LoadedRun) -> list[list[str]]:
    """Return perplexity by document length; nothing where there are fewer than two documents."""
    losses = [contestant.losses for contestant in run.contestants]
    groups = by_length(losses, _LENGTHS) if len(losses[0]) > 1 else []
    return [
        [
            count(group.shortest)
            if group.shortest == group.longest
            else f"{count(group.shortest)} to {count(group.longest)}",
            count(len(group.documents)),
            *map(number, group.perplexities),
        ]
        for group in groups
    ]


def document_titles(run: LoadedRun) -> list[str]:
    """Return the columns of `document_rows`."""
    return ["Document", "Tokens", *(contestant.name for contestant in run.contestants), "Highest / lowest"]


def document_rows(run: LoadedRun) -> list[list[str]]:
    """Return perplexity by document, starting with those on which the contestants differ most."""
    losses = [contestant.losses for contestant in run.contestants]
    groups = sorted(by_document(losses), key=lambda group: -group.spread)[:LISTED_DOCUMENTS]
    return [
        [
            group.documents[0].strip() or "(without a name)",
            count(group.tokens),
            *map(number, group.perplexities),
            f"{math.exp(group.spread):.3f}",
        ]
        for group in groups
    ]
