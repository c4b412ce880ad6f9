"""report.html: one file that opens anywhere, without network or scripts. Also writes report.md beside it."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bakeoff.evaluation.text_statistics import repeated
from bakeoff.evaluation.wording import count, level, percent
from bakeoff.report import classifier_plots, classifier_tables, cost_plots, details, plots, tables
from bakeoff.report.explanations import explanations
from bakeoff.report.loaded import LoadedContestant, LoadedRun, load_run
from bakeoff.report.markdown import render_markdown
from bakeoff.report.marked_text import marked_pieces, marked_words, signed_log_odds
from bakeoff.report.safe_text import visible
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.results import ClassScore, Confusion, Sample
from bakeoff.runs.writing import write_text

LARGEST_MATRIX = 20  # classes; with more, the most frequent confusions are listed instead
_LISTED_CONFUSIONS = 25
_LISTED_CLASSES = 200


def write_report(run: RunFolder) -> None:
    """Write report.html and report.md from what the run folder holds.

    Raises:
        UserError: The folder holds no run, or the run has not finished.
    """
    write_pages(load_run(run), run)


def write_pages(loaded: LoadedRun, folder: RunFolder) -> None:
    """Write report.html and report.md of what was loaded into a folder."""
    write_text(folder.html_report, render_html(loaded))
    write_text(folder.markdown_report, render_markdown(loaded))


def render_html(run: LoadedRun) -> str:
    """The whole page. Every text from data, models and settings is escaped by the templates."""
    titles, sides = tables.data_rows(run)
    return (
        _environment()
        .get_template("report.html")
        .render(
            run=run,
            task="classification" if run.is_classification else "language model",
            quality=tables.quality_rows(run),
            costs=tables.cost_rows(run),
            paired_titles=tables.paired_titles(run),
            paired=tables.paired_rows(run),
            interval_plot=Markup(plots.interval_plot(run)),
            cost_plot=_markup(cost_plots.cost_plot(run, "training_seconds")),
            other_cost_plots=_plots(
                cost_plots.cost_plot(run, cost) for cost in ("peak_memory_bytes", "trainable_parameters")
            ),
            details=details,
            curves=_curves(run),
            trained=[contestant for contestant in run.contestants if contestant.epochs],
            epoch_titles=tables.epoch_titles,
            epoch_rows=tables.epoch_rows,
            errors=[_errors(contestant) for contestant in run.contestants if contestant.result.confusion],
            class_titles=classifier_tables.CLASS_TITLES,
            class_rows=classifier_tables.class_rows,
            calibration_titles=classifier_tables.CALIBRATION_TITLES,
            calibration=classifier_tables.calibration_rows(run),
            reliability_plots=_plots(map(classifier_plots.reliability_plot, run.contestants, itertools.count())),
            threshold_titles=classifier_tables.threshold_titles(run),
            thresholds=classifier_tables.threshold_rows(run),
            coverage_plot=_markup(classifier_plots.coverage_plot(run)),
            label_issues=classifier_tables.label_issue_list(run),
            label_issue_counts=classifier_tables.label_issue_counts(run),
            predictions=[_predictions(contestant) for contestant in run.contestants if _has_predictions(contestant)],
            any_marks=any(sample.marks for contestant in run.contestants for sample in contestant.samples),
            marked_pieces=marked_pieces,
            marked_words=marked_words,
            prompts=_prompts(run.contestants),
            explanations=explanations(run),
            split_titles=titles,
            sides=sides,
            data_facts=tables.data_facts(run),
            near_duplicates=tables.near_duplicate_rows(run),
            environment_facts=tables.environment_facts(run),
            settings_rows=tables.settings_rows,
            command=shlex.join(run.environment.command),
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("bakeoff.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Everything that is printed loses its control characters first, wherever it comes from.
    environment.finalize = _printed
    environment.filters.update(count=count, level=level, percent=percent, unbroken=_unbroken, log_odds=signed_log_odds)
    return environment


def _printed(value: object) -> object:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _unbroken(sentence: str) -> str:
    """Keep a number and its unit on one line."""
    return re.sub(r"(?<=\d) (?=(%|s|min|h|k|M|G|kB|MB|GB)\b|%)", "\u00a0", sentence)


def _markup(svg: str | None) -> Markup | None:
    """An SVG of ours needs no escaping: matplotlib has escaped the names in it."""
    return None if svg is None else Markup(svg)


def _plots(svgs: Iterable[str | None]) -> list[Markup]:
    return [Markup(svg) for svg in svgs if svg is not None]


def _curves(run: LoadedRun) -> list[Markup]:
    alone = [
        plot for number, contestant in enumerate(run.contestants) for plot in plots.learning_curves(contestant, number)
    ]
    return _plots([*plots.validation_curves(run), *alone])


@dataclass(frozen=True)
class ErrorView:
    """Where a classifier goes wrong."""

    name: str
    matrix: Confusion | None  # None where it has too many classes to show
    row_shares: list[list[float]]  # of each true label, the share of each prediction
    confusions: list[tuple[str, str, int]]  # true, predicted, texts; the most frequent ones, for large matrices
    classes: list[ClassScore]  # of large matrices the hardest first


def _errors(contestant: LoadedContestant) -> ErrorView:
    matrix = contestant.result.confusion
    assert matrix is not None
    scores = contestant.result.classes
    small = len(matrix.labels) <= LARGEST_MATRIX
    shares = [[number / max(sum(row), 1) for number in row] for row in matrix.counts]
    pairs = [
        (matrix.labels[true], matrix.labels[guess], number)
        for true, row in enumerate(matrix.counts)
        for guess, number in enumerate(row)
        if true != guess and number
    ]
    return ErrorView(
        contestant.name,
        matrix if small else None,
        shares if small else [],
        [] if small else sorted(pairs, key=lambda pair: -pair[2])[:_LISTED_CONFUSIONS],
        scores if small else sorted(scores, key=lambda score: score.f1.value if score.f1 else 1.0)[:_LISTED_CLASSES],
    )


@dataclass(frozen=True)
class PredictionView:
    """Classified test texts: the first ones, and the most confident mistakes."""

    name: str
    first: list[Sample]
    mistakes: list[Sample]


def _has_predictions(contestant: LoadedContestant) -> bool:
    return any(sample.kind != "generated" for sample in contestant.samples)


def _predictions(contestant: LoadedContestant) -> PredictionView:
    kinds = {kind: [sample for sample in contestant.samples if sample.kind == kind] for kind in ("first", "mistake")}
    return PredictionView(contestant.name, kinds["first"], kinds["mistake"])


@dataclass(frozen=True)
class Stretch:
    """A part of a generated text, and whether it belongs to a run of four words that occurred before."""

    text: str
    repeated: bool


@dataclass(frozen=True)
class PromptView:
    """What the contestants wrote after one prompt."""

    prompt: str
    texts: list[tuple[str, Sample, list[Stretch]]]  # contestant, sample, its text in stretches


def _prompts(contestants: Sequence[LoadedContestant]) -> list[PromptView]:
    written = [(c.name, sample) for c in contestants for sample in c.samples if sample.kind == "generated"]
    return [
        PromptView(prompt, [(name, s, stretches(s.text.strip())) for name, s in written if s.prompt == prompt])
        for prompt in dict.fromkeys(sample.prompt for _, sample in written)
    ]


def stretches(text: str) -> list[Stretch]:
    """Cut a text into parts that are or are not a repeated 4-gram; joined they are the text."""
    words = list(re.finditer(r"\S+", text))
    marked = {
        position for start in repeated([word.group() for word in words], 4) for position in range(start, start + 4)
    }
    parts: list[Stretch] = []
    end = 0
    for position, word in enumerate(words):
        inside = position in marked
        if parts and parts[-1].repeated == inside:
            parts[-1] = Stretch(parts[-1].text + text[end : word.end()], inside)
        elif inside:  # the space before a repeated run is not marked
            parts += [Stretch(text[end : word.start()], False)] if end < word.start() else []
            parts.append(Stretch(word.group(), True))
        else:
            parts.append(Stretch(text[end : word.end()], False))
        end = word.end()
    return [*parts, Stretch(text[end:], False)] if end < len(text) else parts
