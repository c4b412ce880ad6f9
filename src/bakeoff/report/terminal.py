"""Tables for the terminal, as rich renderables. Texts from data and models become `Text`, never markup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.columns import Columns
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bakeoff.evaluation.wording import level, percent
from bakeoff.report.answers_view import answer_rows, answer_titles
from bakeoff.report.classifier_tables import label_f1_rows, label_f1_titles
from bakeoff.report.curve_view import curve_rows, curve_titles
from bakeoff.report.details import fold_rows, fold_titles, seed_rows, seed_titles
from bakeoff.report.loaded import LoadedContestant, LoadedRun, load_run
from bakeoff.report.out_of_scope_view import OUT_OF_SCOPE_TITLES, out_of_scope_rows
from bakeoff.report.safe_text import one_line, visible
from bakeoff.report.tables import Row, cost_rows, epoch_rows, epoch_titles, quality_rows, rank_row, role
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.results import Confusion, EpochLine, Sample, Verdict

_TITLE_WIDTH = 22
_CONTESTANT_WIDTH = 19
_LARGEST_MATRIX = 6  # classes
_LISTED_LABELS = 20
_SHOWN_TEXTS = 2
_SHOWN_ANSWERS = 3


def summary(run: RunFolder) -> RenderableType:
    """Return what `bakeoff run` prints at the end: training, comparison, confusions or texts, and the verdict.

    Raises:
        UserError: the folder holds no finished run.
    """
    loaded = load_run(run)
    parts: list[RenderableType] = []
    for contestant in loaded.contestants:
        if contestant.epochs:
            parts += [_heading(f"Training of {contestant.name}"), epoch_table(contestant.epochs)]
    folds = loaded.primary_metric.folds
    evaluated = f"in {folds} folds" if folds else f"on the {loaded.primary_metric.split} split"
    parts += [_heading(f"Comparison {evaluated}"), _Comparison(loaded)]
    if by_fold := fold_rows(loaded):
        parts += [_heading("Results by fold"), _plain_table(fold_titles(loaded), by_fold)]
    if seeds := seed_rows(loaded):
        parts += [_heading("Results by seed"), _plain_table(seed_titles(loaded), seeds)]
    if curve := loaded.verdict.learning_curve:
        parts += [
            _heading("Learning curve"),
            _plain_table(curve_titles(curve), _with_last_intervals(curve_rows(curve))),
        ]
    matrices = [(result.name, result.confusion) for result in loaded.results if result.confusion]
    if matrices and len(matrices[0][1].labels) <= _LARGEST_MATRIX:
        parts += [_heading("Confusion matrices (true labels in rows, predicted in columns)")]
        parts += [Columns([confusion_table(matrix, name) for name, matrix in matrices], padding=(0, 3))]
    if by_label := label_f1_rows(loaded):
        parts += [_heading("F1 of each label"), _plain_table(label_f1_titles(loaded), by_label[:_LISTED_LABELS])]
        if len(by_label) > _LISTED_LABELS:
            parts.append(Text(f"The report has {len(by_label) - _LISTED_LABELS} more.", "dim"))
    if judged := out_of_scope_rows(loaded):
        parts += [_heading("Out-of-scope texts"), _transposed(OUT_OF_SCOPE_TITLES, judged)]
    if not loaded.is_classification:
        if rows := answer_rows(loaded.contestants, _SHOWN_ANSWERS):
            parts += [_heading("Answers to the first prompts"), _answers(answer_titles(loaded.contestants), rows)]
        parts += list(generated_texts(loaded.contestants))
    parts += [_heading("Verdict"), verdict_text(loaded.verdict)]
    return Group(*parts)


def comparison(loaded: LoadedRun) -> RenderableType:
    """Return what `bakeoff compare` prints: the comparison and the verdict."""
    return Group(_Comparison(loaded), _heading("Verdict"), verdict_text(loaded.verdict))


def epoch_table(lines: Sequence[EpochLine]) -> Table:
    """Return losses and accuracies of every evaluation, with an asterisk where the weights were kept."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in epoch_titles(lines):
        table.add_column(title, justify="right")
    table.add_column("")
    for row in epoch_rows(lines):
        table.add_row(*row.cells, "* kept" if row.kept else "", style="bold" if row.kept else "")
    return table


def confusion_table(matrix: Confusion, name: str) -> Table:
    """Return the counts, true labels in rows, with the contestant's `name` in the corner."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(Text(one_line(name)))
    for label in matrix.labels:
        table.add_column(Text(one_line(label)), justify="right", overflow="fold")
    for index, (label, counts) in enumerate(zip(matrix.labels, matrix.counts, strict=True)):
        cells = [Text(f"{number:,}", "bold" if index == column else "") for column, number in enumerate(counts)]
        table.add_row(Text(one_line(label)), *cells)
    return table


def verdict_text(verdict: Verdict) -> RenderableType:
    """Return the summary, a line each, and everything else dim below."""
    first, *lines = (Text(visible(sentence)) for sentence in verdict.summary)
    first.stylize("bold")
    for line in lines:
        line.highlight_regex("^[A-Z][a-z]+:", "bold")  # `Recommended:`
    details = [f"({verdict.rule})"] if verdict.rule else []
    below = [Padding(Text(visible(words), "dim"), (0, 0, 0, 2)) for words in [*details, *verdict.details]]
    return Group(first, *lines, *([Text("")] if below else []), *below)


def generated_texts(contestants: Sequence[LoadedContestant]) -> Iterator[RenderableType]:
    """Yield, for the first prompts, each contestant's text and how repetitive it is."""
    written = (sample for entry in contestants for sample in entry.samples)
    prompts = list(dict.fromkeys(sample.prompt for sample in written if sample.kind == "generated"))
    for prompt in prompts[:_SHOWN_TEXTS]:
        yield _heading(f"Continuations of: {one_line(prompt)}")
        for contestant in contestants:
            for sample in contestant.samples:
                if sample.prompt == prompt and sample.kind == "generated":
                    yield _continuation(contestant.name, sample)
    if len(prompts) > _SHOWN_TEXTS:
        yield Text(f"The report has {len(prompts) - _SHOWN_TEXTS} more.", "dim")


def _continuation(name: str, sample: Sample) -> RenderableType:
    title = Text(one_line(name), "bold")
    if sample.statistics:
        statistics = sample.statistics
        title.append(
            f"  {sample.tokens} tokens; repeated 4-grams {percent(statistics.repeated_4_grams)}, "
            f"distinct 1-grams {percent(statistics.distinct_1)}, 2-grams {percent(statistics.distinct_2)}",
            "dim",
        )
    return Group(title, Padding(Text(visible(sample.text).strip()), (0, 0, 1, 2)))


def _answers(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table with one column for each prompt, because prompts are long and answers are many."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=False)
    for title, *cells in zip(titles, *rows, strict=True):
        table.add_row(Text(one_line(title), "bold"), *(Text(one_line(cell)) for cell in cells))
    return table


def _plain_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, title in enumerate(titles):
        table.add_column(title, justify="left" if number < 2 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    return table


def _with_last_intervals(rows: Sequence[Sequence[tuple[str, str]]]) -> list[list[str]]:
    """Return values, with intervals in the last two columns: those of what is expected."""
    return [
        [f"{value} ({ends})" if ends and column >= len(row) - 2 else value for column, (value, ends) in enumerate(row)]
        for row in rows
    ]


def _transposed(titles: Sequence[str], rows: Sequence[Sequence[tuple[str, str]]]) -> Table:
    """Return a table with a column for each row, its interval below each value."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for (name, _), *_ in rows:
        table.add_column(Text(one_line(name)), justify="right", overflow="fold")
    for number, title in enumerate(titles[1:], start=1):
        cells = (row[number] for row in rows)
        table.add_row(title, *(Text.assemble(value, ("\n" + ends if ends else "", "dim")) for value, ends in cells))
    return table


def _heading(words: str) -> RenderableType:
    return Padding(Text(visible(words), "bold underline"), (1, 0, 0, 0))


class _Comparison:
    """The comparison, in as many tables as the terminal's width requires."""

    def __init__(self, run: LoadedRun) -> None:
        self._run = run

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        at_once = max(1, (options.max_width - _TITLE_WIDTH) // _CONTESTANT_WIDTH)
        for first in range(0, len(self._run.contestants), at_once):
            yield self._table(range(first, min(first + at_once, len(self._run.contestants))))
        yield Text(
            f"Below each metric: its {level(self._run.primary_metric.confidence)} interval. Bold: the best of the row.",
            "dim",
        )

    def _table(self, contestants: range) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("", max_width=_TITLE_WIDTH, overflow="fold")
        for index in contestants:
            name = self._run.contestants[index].name
            heading = Text.assemble(one_line(name), ("\n" + role(self._run, name), "dim"))  # names on one line
            table.add_column(heading, justify="right", overflow="fold")
        for row in [*rank_row(self._run), *quality_rows(self._run)]:
            title = Text.assemble(row.title, ("\n" + row.remark if row.remark else "", "dim"))
            table.add_row(title, *(_cell(row, index) for index in contestants))
        table.add_section()
        for row in cost_rows(self._run):
            table.add_row(row.title, *(row.cells[index].value for index in contestants))
        return table


def _cell(row: Row, index: int) -> Text:
    cell = row.cells[index]
    text = Text(cell.value, "bold green" if cell.best else "")
    if cell.remark:
        text.append(f"\n{cell.remark}", "not bold dim default")
    return text
