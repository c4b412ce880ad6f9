"""Tables of a report as plain rows of text; HTML, Markdown and the terminal render them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.data.reading import row_count
from bakeoff.evaluation.metrics import METRICS, PairedComparison, get_metric
from bakeoff.evaluation.wording import (
    count,
    duration,
    either,
    interval,
    level,
    money,
    number,
    p_value,
    parameters,
    passes,
    percent,
    size,
)
from bakeoff.report.explanations import protocol_of, title_of
from bakeoff.report.loaded import LoadedRun
from bakeoff.runs.data_report import DataReport, GroupSplit, TimeSplit
from bakeoff.runs.findings import Rank
from bakeoff.runs.results import Comparison, ContestantResult, EpochLine, MetricValue, Usage


@dataclass(frozen=True)
class Cell:
    """A value, and in smaller type under it a remark such as its interval."""

    value: str
    remark: str = ""
    best: bool = False  # of its row
    exact: float | str | None = None  # in full precision, and the ends of its interval
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Row:
    """A measure over all contestants."""

    title: str
    remark: str
    cells: list[Cell]
    key: str = ""  # for programs: `training_seconds`


def quality_rows(run: LoadedRun) -> list[Row]:
    """Return a row for each main metric and protocol."""
    return _metric_rows(run, main=True)


def more_quality_rows(run: LoadedRun) -> list[Row]:
    """Return a row for each of the other metrics, as `quality_rows`."""
    return _metric_rows(run, main=False)


def main_metrics(result: ContestantResult) -> list[MetricValue]:
    """Return the metrics that are always shown: the one that decides, and the main ones."""
    return [
        metric
        for index, metric in enumerate(result.metrics)
        if index == 0 or metric.name not in METRICS or METRICS[metric.name].main
    ]


def _metric_rows(run: LoadedRun, *, main: bool) -> list[Row]:
    keys: dict[tuple[str, str], MetricValue] = {}
    for result in run.results:
        shown = main_metrics(result)
        for metric in result.metrics:
            if (metric in shown) is main:
                keys.setdefault((metric.name, metric.protocol), metric)
    rows = []
    for (name, protocol), example in keys.items():
        metrics = [_exact(result, name, protocol) for result in run.results]
        values = [metric.value for metric in metrics if metric]
        best = (max if example.higher_is_better else min)(values) if len(values) > 1 else None
        cells = [metric_cell(metric, metric.value == best) if metric else Cell("–") for metric in metrics]
        rows.append(Row(title_of(example), protocol_of(example), cells, name))
    return rows


def metric_cell(metric: MetricValue, best: bool = False) -> Cell:
    """Return a metric with its interval."""
    return Cell(number(metric.value), interval(metric), best, metric.value, metric.low, metric.high)


def _exact(result: ContestantResult, name: str, protocol: str) -> MetricValue | None:
    return next((metric for metric in result.metrics if (metric.name, metric.protocol) == (name, protocol)), None)


def cost_rows(run: LoadedRun) -> list[Row]:
    """Return a row for each cost of training."""
    unit = either(result.token_unit for result in run.results)
    measures: list[tuple[str, str, Callable[[ContestantResult], str]]] = [
        ("Training time", "", lambda result: _or_dash(result.training.seconds, duration)),
        ("Total time", "with preparing, evaluating, saving", lambda result: duration(result.training.total_seconds)),
        ("Peak memory", "of the process", lambda result: _or_dash(result.training.peak_memory_bytes, size)),
        (f"Training {unit}", "padding not counted", lambda result: _or_dash(result.training.tokens, count)),
        ("Epochs", "", lambda result: _or_dash(result.training.epochs, passes)),
        ("Trainable parameters", "", lambda result: parameters(result.trainable_parameters)),
        ("All parameters", "", lambda result: parameters(result.total_parameters)),
        ("Model on disk", "", lambda result: _or_dash(result.model_bytes, size)),
        ("Precision", "of the arithmetic", lambda result: result.training.precision),
    ]
    if any(result.training.range_test for result in run.results):
        measures.insert(1, ("Range test", "of the learning rate, not part of the budget", _range_test_seconds))
    if any(result.usage for result in run.results):
        measures += [
            ("Requests", "to an endpoint", lambda result: _used(result, lambda usage: count(usage.requests))),
            ("Tokens asked", "of prompts", lambda result: _used(result, lambda usage: count(usage.input_tokens))),
            ("Tokens answered", "", lambda result: _used(result, lambda usage: count(usage.output_tokens))),
            ("Money", "USD, by the config's prices", lambda result: _used(result, lambda usage: _paid(usage.money))),
            ("Time of an answer", "median, 95th percentile", lambda result: _used(result, _answer_times)),
        ]
    return [Row(title, remark, [Cell(show(result)) for result in run.results]) for title, remark, show in measures]


def _used(result: ContestantResult, show: Callable[[Usage], str]) -> str:
    return show(result.usage) if result.usage else "–"


def _paid(dollars: float | None) -> str:
    return "no prices" if dollars is None else money(dollars)


def _answer_times(usage: Usage) -> str:
    if usage.median_seconds is None or usage.slow_seconds is None:
        return "–"
    return f"{duration(usage.median_seconds)}, {duration(usage.slow_seconds)}"


def _range_test_seconds(result: ContestantResult) -> str:
    test = result.training.range_test
    return duration(test.seconds) if test else "–"


def _or_dash(value: Any, show: Callable[[Any], str]) -> str:
    return show(value) if value else "–"


def paired_titles(run: LoadedRun) -> list[str]:
    """Return the columns of `paired_rows`."""
    metric = get_metric(run.primary_metric.name)
    scale = deciding_comparison(run).difference
    interval_title = f"{level(run.primary_metric.confidence)} interval"
    tests = {comparison.test for comparison in run.verdict.comparisons}
    p_title = "McNemar's p" if tests == {"McNemar"} else "p"
    return ["Best", "Against", scale.title(metric.title), interval_title, p_title, "Corrected p", "Told apart"]


def paired_rows(run: LoadedRun) -> list[list[str]]:
    """Return the verdict's comparisons: contestants, difference, interval, p-values, told apart."""
    return [_paired_row(run, comparison) for comparison in run.verdict.comparisons]


def _paired_row(run: LoadedRun, comparison: Comparison) -> list[str]:
    scale = deciding_comparison(run).difference
    difference, low, high = map(scale.change, (comparison.difference, comparison.low, comparison.high))
    p_values = ["–" if p is None else p_value(p) for p in (comparison.p_value, comparison.corrected_p_value)]
    told = "yes" if comparison.distinguishable else "no"
    return [comparison.better, comparison.worse, difference, f"{low} to {high}", *p_values, told]


def rank_titles(run: LoadedRun) -> list[str]:
    """Return the columns of `rank_rows`."""
    places = ["The best", *(f"Among the best {best}" for best in (2, 3))]
    shown = len(run.verdict.ranks[0].among_best) if run.verdict.ranks else 0
    return ["Contestant", "Rank", f"{level(run.primary_metric.confidence)} interval", *places[:shown]]


def rank_rows(run: LoadedRun) -> list[list[str]]:
    """Return how sure the rank of each contestant is, best first."""
    return [
        [rank.name, str(rank.rank), _range(rank), *(percent(share, 0) for share in rank.among_best)]
        for rank in run.verdict.ranks
    ]


def _range(rank: Rank) -> str:
    return str(rank.low) if rank.low == rank.high else f"{rank.low} to {rank.high}"


def rank_row(run: LoadedRun) -> list[Row]:
    """Return a row with the rank of each contestant and its interval, for the comparison; no row where unknown."""
    by_name = {rank.name: rank for rank in run.verdict.ranks}
    if not by_name:
        return []
    ranks = [by_name.get(result.name) for result in run.results]
    return [Row("Rank", "", [_rank_cell(rank) for rank in ranks])]


def _rank_cell(rank: Rank | None) -> Cell:
    if rank is None:
        return Cell("–")
    return Cell(str(rank.rank), "" if rank.low == rank.high == rank.rank else _range(rank), rank.rank == 1)


def role(run: LoadedRun, name: str) -> str:
    """Return what the verdict says of a contestant: `best`, `recommended`, `tied`, or nothing."""
    verdict = run.verdict
    roles = ["tied" if verdict.tied else "best"] if name == run.winner else []
    roles += ["tied"] if name in verdict.tied else []
    roles += ["recommended"] if name == verdict.recommended else []
    return ", ".join(roles)


def deciding_comparison(run: LoadedRun) -> PairedComparison:
    """Return how contestants are compared by the metric that decides the verdict."""
    paired = get_metric(run.primary_metric.name).paired
    assert paired is not None  # else no verdict could have been written
    return paired


_TRAIN = "Train acc"
EPOCH_TITLES = ["Epoch", "Step", "Train loss", _TRAIN, "Valid loss", "Valid acc"]


@dataclass(frozen=True)
class EpochRow:
    """An evaluation during training."""

    cells: list[str]
    kept: bool  # True for the weights that were kept in the end


def epoch_titles(lines: Sequence[EpochLine]) -> list[str]:
    """Return the columns of `epoch_rows`; accuracies only where a classifier was trained."""
    if lines[0].measure != "accuracy":
        return [title.replace("Valid acc", f"Valid {lines[0].measure}") for title in EPOCH_TITLES if title != _TRAIN]
    return EPOCH_TITLES if _has_accuracy(lines) else [title for title in EPOCH_TITLES if "acc" not in title]


def epoch_rows(lines: Sequence[EpochLine]) -> list[EpochRow]:
    """Return a row for each evaluation during training, in the columns of `epoch_titles`."""
    kept = max((index for index, line in enumerate(lines) if line.best), default=None)
    rows = []
    for index, line in enumerate(lines):
        losses = [_decimals(line.train_loss), _decimals(line.validation_loss)]
        cells = [str(line.epoch), count(line.step)]
        if line.measure != "accuracy":
            cells += [*losses, _decimals(line.validation_accuracy)]
        elif _has_accuracy(lines):
            cells += [losses[0], _decimals(line.train_accuracy), losses[1], _decimals(line.validation_accuracy)]
        else:
            cells += losses
        rows.append(EpochRow(cells, index == kept))
    return rows


def _has_accuracy(lines: Iterable[EpochLine]) -> bool:
    return any(line.validation_accuracy is not None for line in lines)


def _decimals(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def settings_rows(settings: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return settings with nested names joined by dots: `vocabulary.min_frequency`."""
    rows: list[tuple[str, str]] = []
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            rows += settings_rows(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", _setting(value)))
    return rows


def _setting(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def data_rows(run: LoadedRun) -> tuple[list[str], list[list[str]]]:
    """Return titles and rows of the splits; columns that would be empty are left out."""
    splits = run.data.splits
    columns: list[tuple[str, list[str]]] = [
        ("Split", [split.name for split in splits]),
        ("Texts" if run.is_classification else "Documents", [count(split.rows) for split in splits]),
    ]
    if any(split.lines is not None for split in splits):
        columns.append(("Lines", [_or_dash(split.lines, count) for split in splits]))
    if any(split.tokens is not None for split in splits):
        columns.append(("Tokens", [_or_dash(split.tokens, count) for split in splits]))
    columns.append(("Characters", [count(split.characters) for split in splits]))
    labels = list(dict.fromkeys(label for split in splits for label in split.labels))
    columns += [(label, [count(split.labels.get(label, 0)) for split in splits]) for label in labels[:20]]
    titles, cells = zip(*columns, strict=True)
    return list(titles), [list(row) for row in zip(*cells, strict=True)]


def data_facts(run: LoadedRun) -> list[tuple[str, str]]:
    """Return further facts about the data: source, fingerprints, skipped and duplicate texts."""
    data = run.data
    part = "fold" if data.folds else "split"
    facts = [
        ("Source", data.source),
        ("Split", _split(data)),
        ("Fingerprint of the texts as used (SHA-256)", data.fingerprint),
        *((f"SHA-256 of {name}", digest) for name, digest in data.files.items()),
        *((f"Skipped: {reason}", count(rows)) for reason, rows in data.skipped.items()),
        ("Rows with duplicate texts", count(data.duplicate_texts)),
        (f"Texts in more than one {part}", count(data.across_splits)),
        ("Rows with near-duplicate texts", count(data.near_duplicate_texts)),
        (f"Groups of near-duplicates in more than one {part}", count(data.near_across_splits)),
    ]
    return facts + [("Note", note) for note in data.notes]


def _split(data: DataReport) -> str:
    """Say how the rows came into their splits."""
    rule = data.split_rule
    if isinstance(rule, TimeSplit):
        spans = [f"{name} {first} to {rule.last[name]}" for name, first in rule.first.items()]
        return f"by time, column {rule.time!r}: {', '.join(spans)}"
    part = "fold" if data.folds else "split"
    kept = f", with all rows of one {rule.group!r} in one {part}" if isinstance(rule, GroupSplit) else ""
    if isinstance(rule, GroupSplit):
        groups = [f"{name} {count(number)}" for name, number in rule.groups.items()]
        kept += f"; different values: {', '.join(groups)}"
    if data.folds:
        return (
            f"{len(data.folds)} folds at random, seed {data.split_seed}{kept}. Every row is tested once, by a model "
            "that was trained on other folds; train and validation are those of the models that are kept"
        )
    return "came with the data" if data.split_seed is None else f"at random, seed {data.split_seed}{kept}"


def near_duplicate_rows(run: LoadedRun) -> tuple[list[str], list[list[str]]]:
    """Return titles and rows of examples of near-duplicates, two rows for each pair; no rows where there are none."""
    rows = []
    for pair in run.data.near_duplicates:
        similarity = [f"{pair.similarity:.2f}", ""]
        columns = [similarity, pair.splits, pair.names, *([pair.labels] if pair.labels else []), pair.texts]
        rows += [list(row) for row in zip(*columns, strict=True)]
    titles = ["Row", "Label"] if run.is_classification else ["Document"]
    return ["Similarity", "Split", *titles, "Text"], rows


def environment_facts(run: LoadedRun) -> list[tuple[str, str]]:
    """Return facts about the machine and the versions."""
    environment = run.environment
    revision = f", revision {environment.git_revision}" if environment.git_revision else ""
    at_once = environment.trainings_at_once
    beside = f" by each of {at_once} trainings at the same time" if at_once > 1 else ""
    facts = [
        ("Date (UTC)", environment.created.replace("T", " ").removesuffix("+00:00")),
        ("bakeoff", environment.bakeoff + revision),
        ("Python", environment.python),
        ("Packages", ", ".join(f"{name} {version}" for name, version in sorted(environment.packages.items()))),
        ("Platform", environment.platform),
        (
            "Processor",
            f"{environment.processor}, {row_count(environment.cores, 'core', 'cores')}, "
            f"{row_count(environment.threads, 'thread', 'threads')} used{beside}",
        ),
        ("Memory", size(environment.memory_bytes)),
        ("Accelerator", environment.accelerator or "none"),
    ]
    if environment.compiled_kernels is not None:
        kernels = "kernels in C" if environment.compiled_kernels else "torch alone: no kernels in C were compiled"
        facts.append(("bf16 on the CPU by", kernels))
    if environment.settings:
        facts.append(("Set before start", ", ".join(f"{name}={value}" for name, value in environment.settings.items())))
    return facts
