"""The report's tables as plain rows of text; HTML, Markdown and the terminal only dress them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.evaluation.wording import (
    count,
    duration,
    either,
    interval,
    level,
    metric_name,
    number,
    p_value,
    parameters,
    passes,
    signed,
    size,
)
from bakeoff.report.explanations import protocol_of, title_of
from bakeoff.report.loaded import LoadedRun
from bakeoff.runs.results import Comparison, ContestantResult, EpochLine, MetricValue


@dataclass(frozen=True)
class Cell:
    """A value, a smaller remark under it (an interval), and whether it is the best of its row."""

    value: str
    remark: str = ""
    best: bool = False


@dataclass(frozen=True)
class Row:
    """A measure over all contestants."""

    title: str
    remark: str
    cells: list[Cell]


def quality_rows(run: LoadedRun) -> list[Row]:
    """A row for each metric and protocol; contestants in the order of the config."""
    keys: dict[tuple[str, str], MetricValue] = {}
    for result in run.results:
        for metric in result.metrics:
            keys.setdefault((metric.name, metric.protocol), metric)
    rows = []
    for (name, protocol), example in keys.items():
        metrics = [_exact(result, name, protocol) for result in run.results]
        values = [metric.value for metric in metrics if metric]
        best = (max if example.higher_is_better else min)(values) if len(values) > 1 else None
        cells = [
            Cell(number(metric.value), interval(metric), metric.value == best) if metric else Cell("–")
            for metric in metrics
        ]
        rows.append(Row(title_of(example), protocol_of(example), cells))
    return rows


def _exact(result: ContestantResult, name: str, protocol: str) -> MetricValue | None:
    return next((found for found in result.metrics if (found.name, found.protocol) == (name, protocol)), None)


def cost_rows(run: LoadedRun) -> list[Row]:
    """What each contestant took."""
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
    return [Row(title, remark, [Cell(show(result)) for result in run.results]) for title, remark, show in measures]


def _range_test_seconds(result: ContestantResult) -> str:
    test = result.training.range_test
    return duration(test.seconds) if test else "–"


def _or_dash(value: Any, show: Callable[[Any], str]) -> str:
    return show(value) if value else "–"


def paired_rows(run: LoadedRun) -> list[list[str]]:
    """The verdict's comparisons: who with whom, difference, interval, p-value, told apart."""
    return [_paired_row(comparison) for comparison in run.verdict.comparisons]


def paired_titles(run: LoadedRun) -> list[str]:
    difference = f"Points of {metric_name(run.primary_metric.name)}" if run.is_classification else "Perplexity"
    titles = ["Best", "Against", difference, f"{level(run.primary_metric.confidence)} interval"]
    return [*titles, *(["McNemar's p"] if run.is_classification else ["Nats per token"]), "Told apart"]


def _paired_row(comparison: Comparison) -> list[str]:
    told = "yes" if comparison.distinguishable else "no"
    if comparison.metric in ("accuracy", "macro_f1"):
        difference, low, high = (plus(100 * v) for v in (comparison.difference, comparison.low, comparison.high))
        chance = "–" if comparison.p_value is None else p_value(comparison.p_value)
        return [comparison.better, comparison.worse, difference, f"{low} to {high}", chance, told]
    change, low, high = (
        f"{plus(100 * math.expm1(v))} %" for v in (comparison.difference, comparison.low, comparison.high)
    )
    nats = f"{comparison.difference:+.4f}".replace("-", "−")
    return [comparison.better, comparison.worse, change, f"{low} to {high}", nats, told]


def plus(value: float) -> str:
    """`signed` with a plus sign where it is positive."""
    text = signed(value)
    return text if text.startswith("−") or float(text) == 0 else f"+{text}"


EPOCH_TITLES = ["Epoch", "Step", "Train loss", "Train acc", "Valid loss", "Valid acc"]


@dataclass(frozen=True)
class EpochRow:
    cells: list[str]
    kept: bool  # the weights that were kept in the end


def epoch_titles(lines: Sequence[EpochLine]) -> list[str]:
    """The lab's columns; accuracies only where a classifier was trained."""
    return EPOCH_TITLES if _has_accuracy(lines) else [title for title in EPOCH_TITLES if "acc" not in title]


def epoch_rows(lines: Sequence[EpochLine]) -> list[EpochRow]:
    """A row an evaluation, in the columns of `epoch_titles`."""
    kept = max((index for index, line in enumerate(lines) if line.best), default=None)
    rows = []
    for index, line in enumerate(lines):
        losses = [_decimals(line.train_loss), _decimals(line.validation_loss)]
        cells = [str(line.epoch), count(line.step)]
        if _has_accuracy(lines):
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
    """Settings with nested names joined by dots: `vocabulary.min_frequency`."""
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
    """Titles and rows of the sides; columns that would be empty are left out."""
    sides = run.data.splits
    columns: list[tuple[str, list[str]]] = [
        ("Side", [side.name for side in sides]),
        ("Texts" if run.is_classification else "Documents", [count(side.rows) for side in sides]),
    ]
    if any(side.lines is not None for side in sides):
        columns.append(("Lines", [_or_dash(side.lines, count) for side in sides]))
    if any(side.tokens is not None for side in sides):
        columns.append(("Tokens", [_or_dash(side.tokens, count) for side in sides]))
    columns.append(("Characters", [count(side.characters) for side in sides]))
    labels = list(dict.fromkeys(label for side in sides for label in side.labels))
    columns += [(label, [count(side.labels.get(label, 0)) for side in sides]) for label in labels[:20]]
    titles, cells = zip(*columns, strict=True)
    return list(titles), [list(row) for row in zip(*cells, strict=True)]


def data_facts(run: LoadedRun) -> list[tuple[str, str]]:
    """What else is known about the data: sources, fingerprints, what was skipped or found twice."""
    data = run.data
    given = "the sides came with the data"
    facts = [
        ("Source", data.source),
        ("Split", given if data.split_seed is None else f"at random, seed {data.split_seed}"),
        ("Fingerprint of the texts as used (SHA-256)", data.fingerprint),
        *((f"SHA-256 of {name}", digest) for name, digest in data.files.items()),
        *((f"Skipped: {reason}", count(rows)) for reason, rows in data.skipped.items()),
        ("Rows whose text occurs again", count(data.duplicate_texts)),
        ("Texts on more than one side", count(data.across_splits)),
        ("Rows with near-identical texts", count(data.near_duplicate_texts)),
        ("Groups of near-identical texts on more than one side", count(data.near_across_splits)),
    ]
    return facts + [("Note", note) for note in data.notes]


def near_duplicate_rows(run: LoadedRun) -> tuple[list[str], list[list[str]]]:
    """Titles and rows of the examples of near-identical texts, two rows for each pair; [] where none were found."""
    rows = []
    for pair in run.data.near_duplicates:
        similarity = [f"{pair.similarity:.2f}", ""]
        columns = [similarity, pair.splits, pair.names, *([pair.labels] if pair.labels else []), pair.texts]
        rows += [list(row) for row in zip(*columns, strict=True)]
    titles = ["Row", "Label"] if run.is_classification else ["Document"]
    return ["Similarity", "Side", *titles, "Text"], rows


def environment_facts(run: LoadedRun) -> list[tuple[str, str]]:
    """The machine and the versions."""
    found = run.environment
    facts = [
        ("Date (UTC)", found.created.replace("T", " ").removesuffix("+00:00")),
        ("bakeoff", found.bakeoff + (f", revision {found.git_revision}" if found.git_revision else "")),
        ("Python", found.python),
        ("Packages", ", ".join(f"{name} {version}" for name, version in sorted(found.packages.items()))),
        ("Platform", found.platform),
        ("Processor", f"{found.processor}, {found.cores} cores, {found.threads} threads used"),
        ("Memory", size(found.memory_bytes)),
        ("Accelerator", found.accelerator or "none"),
    ]
    if found.settings:
        facts.append(("Set before start", ", ".join(f"{name}={value}" for name, value in found.settings.items())))
    return facts
