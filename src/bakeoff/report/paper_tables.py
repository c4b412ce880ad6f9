"""The tables of a run that papers and spreadsheets need: contestants in rows, with every value in full precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from bakeoff.evaluation.documents import by_document
from bakeoff.evaluation.metrics import documents, get_metric
from bakeoff.evaluation.pairing import protocol_name
from bakeoff.evaluation.wording import count, duration, either, level, money, number, p_value, parameters, percent, size
from bakeoff.report.classifier_tables import class_rows
from bakeoff.report.details import seed_columns
from bakeoff.report.drawing import file_name
from bakeoff.report.explanations import protocol_of, title_of
from bakeoff.report.loaded import LoadedRun
from bakeoff.report.paper import trainings
from bakeoff.report.tables import (
    Cell,
    Row,
    data_rows,
    deciding_comparison,
    main_metrics,
    metric_cell,
    more_quality_rows,
    quality_rows,
)
from bakeoff.runs.results import Comparison, ContestantResult, Estimate


@dataclass(frozen=True)
class Column:
    """A column. Its key is the header of a CSV file; a column of intervals has two more, `KEY_low` and `KEY_high`."""

    key: str
    title: str
    remark: str = ""  # in smaller type below the title


@dataclass(frozen=True)
class PaperTable:
    """A table."""

    name: str  # of its files
    caption: str
    columns: list[Column]
    rows: list[list[Cell]]

    @property
    def words(self) -> list[bool]:
        """Whether each column holds words and not numbers."""
        return [all(isinstance(row[index].exact, str) for row in self.rows) for index in range(len(self.columns))]


_METHOD = Column("contestant", "Method")


def paper_tables(run: LoadedRun) -> list[PaperTable]:
    """Return all tables of a run that have rows."""
    run = run.best_first
    tables = [
        results_table(run),
        _results(run, "more-results", more_quality_rows(run)),
        _comparisons(run),
        _ranks(run),
        _seeds(run),
        _folds(run),
        _costs(run),
        _classes(run),
        *_confusions(run),
        *([] if run.is_classification else [_documents(run)]),
        _data(run),
    ]
    return [table for table in tables if table.rows and len(table.columns) > 1]


def results_table(run: LoadedRun) -> PaperTable:
    """Return the main metrics of all contestants."""
    run = run.best_first
    return _results(run, "results", quality_rows(run))


def _word(text: str) -> Cell:
    return Cell(text, exact=text)


def _number(value: float | None, show: Callable[[Any], str] = number) -> Cell:
    return Cell("–" if value is None else show(value), exact=value)


def _results(run: LoadedRun, name: str, metrics: Sequence[Row]) -> PaperTable:
    """Return the metrics of all contestants, which the report has in rows, in columns."""
    protocols = [protocol_name(row.remark) if row.remark else "" for row in metrics]
    keys = [f"{row.key}_{protocol}".rstrip("_") for row, protocol in zip(metrics, protocols, strict=True)]
    if len(set(keys)) < len(keys):  # one protocol with several settings
        keys = [f"{row.key} {row.remark}".rstrip() for row in metrics]
    columns = [Column(key, row.title, protocol) for key, row, protocol in zip(keys, metrics, protocols, strict=True)]
    rows = [[_word(result.name), *(row.cells[index] for row in metrics)] for index, result in enumerate(run.results)]
    how = trainings(run)
    measured = "; ".join(f"{row.title} {row.remark}" for row in metrics if row.remark)
    caption = (
        f"Results on {documents(run.primary_metric)}, with {level(run.primary_metric.confidence)} intervals. "
        f"Bold: the best of a column. {how[0].upper()}{how[1:]}." + f" Protocols: {measured}." * bool(measured)
    )
    return PaperTable(name, caption, [_METHOD, *columns], rows)


def _comparisons(run: LoadedRun) -> PaperTable:
    metric = get_metric(run.primary_metric.name)
    columns = [
        Column("better", "Best"),
        Column("worse", "Against"),
        Column("difference", deciding_comparison(run).difference.title(metric.title)),
        Column("test", "Test"),
        Column("p_value", "p"),
        Column("corrected_p_value", "Corrected p"),
        Column("distinguishable", "Told apart"),
    ]
    confidence = level(run.primary_metric.confidence)
    caption = (
        f"Differences of the best method from each other one on the same {documents(run.primary_metric)}, with "
        f"{confidence} intervals. The p-values are two-sided; the corrected ones account for the number of comparisons "
        f"(Holm 1979)."
    )
    rows = [_comparison(run, comparison) for comparison in run.verdict.comparisons]
    return PaperTable("comparisons", caption, columns, rows)


def _comparison(run: LoadedRun, found: Comparison) -> list[Cell]:
    change = deciding_comparison(run).difference.change
    ends = f"{change(found.low)} to {change(found.high)}"
    return [
        _word(found.better),
        _word(found.worse),
        Cell(change(found.difference), ends, exact=found.difference, low=found.low, high=found.high),
        _word(found.test),
        *(_number(p, lambda p: p_value(p).replace("below", "<")) for p in (found.p_value, found.corrected_p_value)),
        _word("yes" if found.distinguishable else "no"),
    ]


def _ranks(run: LoadedRun) -> PaperTable:
    ranks = run.verdict.ranks
    places = range(1, len(ranks[0].among_best) + 1) if ranks else range(0)
    columns = [_METHOD, Column("rank", "Rank")]
    columns += [Column(f"among_best_{place}", f"Among the best {place}" if place > 1 else "Best") for place in places]
    rows = [
        [
            _word(rank.name),
            Cell(str(rank.rank), f"{rank.low} to {rank.high}", exact=rank.rank, low=rank.low, high=rank.high),
            *(_number(share, lambda share: percent(share, 0)) for share in rank.among_best),
        ]
        for rank in ranks
    ]
    caption = (
        f"Ranks with {level(run.primary_metric.confidence)} intervals, and how often a method was among the best in "
        f"resamples of the {documents(run.primary_metric)}."
    )
    return PaperTable("ranks", caption, columns, rows)


def _seeds(run: LoadedRun) -> PaperTable:
    titles = seed_columns(run)
    columns = [_METHOD, Column("metric", "Metric"), Column("mean", "Mean"), Column("deviation", "Std. deviation")]
    columns += [Column(title.lower().replace(" ", "_"), title) for title in titles]
    rows = []
    for result in run.results:
        for metric in main_metrics(result):
            if metric.by_seed:
                values = [metric.value, metric.deviation, *metric.by_seed]
                values += [None] * (len(titles) - len(metric.by_seed))
                name = f"{title_of(metric)} {protocol_of(metric)}".strip()
                rows.append([_word(result.name), _word(name), *map(_number, values)])
    return PaperTable("seeds", "Results by seed, on the same split of the data.", columns, rows)


def _folds(run: LoadedRun) -> PaperTable:
    metric = run.primary_metric
    columns = [_METHOD, Column("all_folds", "All folds")]
    columns += [Column(f"fold_{fold}", f"Fold {fold}") for fold in range(1, metric.folds + 1)]
    deciding = [(result.name, result.metrics[0]) for result in run.results]
    rows = [
        [_word(name), metric_cell(value), *map(_number, value.by_fold)] for name, value in deciding if value.by_fold
    ]
    return PaperTable("folds", f"{title_of(metric)} by fold of the cross-validation.", columns, rows)


def _costs(run: LoadedRun) -> PaperTable:
    unit = either(result.token_unit for result in run.results)
    costs: list[tuple[str, str, Callable[[ContestantResult], Any], Callable[[Any], str]]] = [
        ("training_seconds", "Training time", attrgetter("training.seconds"), duration),
        ("total_seconds", "Total time", attrgetter("training.total_seconds"), duration),
        ("peak_memory_bytes", "Peak memory", attrgetter("training.peak_memory_bytes"), size),
        (
            "training_tokens",
            f"Training {unit}",
            attrgetter("training.tokens"),
            lambda tokens: count(tokens) if tokens else "–",
        ),
        ("trainable_parameters", "Trainable parameters", attrgetter("trainable_parameters"), parameters),
        ("total_parameters", "All parameters", attrgetter("total_parameters"), parameters),
        ("model_bytes", "Model on disk", attrgetter("model_bytes"), size),
    ]
    if any(result.usage for result in run.results):
        costs.append(("money", "USD", lambda result: result.usage.money if result.usage else 0.0, _dollars))
    columns = [_METHOD, *(Column(key, title) for key, title, _, _ in costs)]
    rows = [
        [_word(result.name), *(Cell(show(measure(result)), exact=measure(result)) for _, _, measure, show in costs)]
        for result in run.results
    ]
    machine = run.environment
    threads = f"{machine.threads} thread{'s' * (machine.threads != 1)}"
    hardware = ", ".join(filter(None, (machine.processor, threads, machine.accelerator)))
    caption = f"Costs of training; the total includes preparing, evaluating and saving. Measured on {hardware}."
    return PaperTable("costs", caption, columns, rows)


def _dollars(paid: float | None) -> str:
    return "–" if paid is None else money(paid)


def _classes(run: LoadedRun) -> PaperTable:
    columns = [
        _METHOD,
        Column("class", "Class"),
        *(Column(name.lower(), name) for name in ("Precision", "Recall", "F1")),
        Column("texts", "Texts"),
    ]
    rows = []
    for result in run.results:
        shown = class_rows(result.classes)
        for score, (_, *estimates, _) in zip(result.classes, shown, strict=True):
            exact = (score.precision, score.recall, score.f1)
            scores = [_estimate(*pair) for pair in zip(estimates, exact, strict=True)]
            rows.append([_word(result.name), _word(score.label), *scores, _number(score.texts, count)])
    caption = f"Scores by class, with {level(run.primary_metric.confidence)} intervals."
    return PaperTable("classes", caption, columns, rows)


def _estimate(shown: tuple[str, str], exact: Estimate | None) -> Cell:
    if exact is None:
        return Cell("–")
    return Cell(*shown, exact=exact.value, low=exact.low, high=exact.high)


def _confusions(run: LoadedRun) -> list[PaperTable]:
    tables = []
    for result in run.results:
        if (matrix := result.confusion) is not None:
            columns = [Column("true", "True label"), *(Column(label, label) for label in matrix.labels)]
            rows = [
                [_word(label), *(_number(texts, count) for texts in row)]
                for label, row in zip(matrix.labels, matrix.counts, strict=True)
            ]
            caption = f"Confusion matrix of {result.name}: true labels in rows, predicted ones in columns."
            tables.append(PaperTable(f"confusion-{file_name(result.name)}", caption, columns, rows))
    return tables


def _documents(run: LoadedRun) -> PaperTable:
    groups = by_document([contestant.losses for contestant in run.contestants])
    names = [contestant.name for contestant in run.contestants]
    columns = [Column("document", "Document"), Column("tokens", "Tokens"), *(Column(name, name) for name in names)]
    rows = [
        [_word(group.documents[0].strip()), _number(group.tokens, count), *map(_number, group.perplexities)]
        for group in groups
    ]
    return PaperTable("documents", "Perplexity of each method by document.", columns, rows)


def _data(run: LoadedRun) -> PaperTable:
    titles, rows = data_rows(run)
    cells = [[_word(name), *(Cell(text, exact=_counted(text)) for text in counts)] for name, *counts in rows]
    fixed = titles.index("Characters") + 1  # behind it stand labels, which may differ in case alone
    columns = [*(Column(title.lower(), title) for title in titles[:fixed]), *(Column(t, t) for t in titles[fixed:])]
    return PaperTable("data", "Splits of the data.", columns, cells)


def _counted(text: str) -> int | None:
    return None if text == "–" else int(text.replace(",", ""))
