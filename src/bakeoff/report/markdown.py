"""report.md: the report for places that show Markdown, such as a pull request."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from bakeoff.evaluation.wording import percent
from bakeoff.report.classifier_tables import (
    CALIBRATION_TITLES,
    CLASS_TITLES,
    calibration_rows,
    class_rows,
    label_issue_counts,
    label_issue_list,
    threshold_rows,
    threshold_titles,
)
from bakeoff.report.details import document_rows, document_titles, seed_rows, seed_titles
from bakeoff.report.explanations import explanations
from bakeoff.report.loaded import LoadedRun
from bakeoff.report.safe_text import one_line, visible
from bakeoff.report.tables import (
    cost_rows,
    data_facts,
    data_rows,
    environment_facts,
    epoch_rows,
    epoch_titles,
    near_duplicate_rows,
    paired_rows,
    paired_titles,
    quality_rows,
    settings_rows,
)

_LISTED_CLASSES = 20
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def escape(text: str) -> str:
    """One line of Markdown that shows `text` as it is: neither markup nor HTML comes to life."""
    return _SPECIAL.sub(r"\\\1", one_line(text)).replace("&", "&amp;")


def markdown_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are shown as they are; all columns but the first are right-aligned."""
    head = f"| {' | '.join(map(escape, titles))} |\n|{' --- |' + ' ---: |' * (len(titles) - 1)}\n"
    return head + "".join(f"| {' | '.join(map(escape, row))} |\n" for row in rows)


def code_block(text: str) -> str:
    """`text` in a fence that is longer than any run of backticks inside it."""
    shown = visible(text)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    return f"{fence}text\n{shown}\n{fence}\n"


def render_markdown(run: LoadedRun) -> str:
    """The whole report.md."""
    names = [contestant.name for contestant in run.contestants]
    quality = [
        [
            f"{row.title} {row.remark}",
            *(f"{cell.value} ({cell.remark})" if cell.remark else cell.value for cell in row.cells),
        ]
        for row in quality_rows(run)
    ]
    costs = [[row.title, *(cell.value for cell in row.cells)] for row in cost_rows(run)]
    parts = [f"# {escape(run.name)}\n", "## Verdict\n"]
    first, *rest = run.verdict.sentences
    parts += [f"**{escape(first)}**\n", "".join(f"- {escape(sentence)}\n" for sentence in rest)]
    parts += ["## Comparison\n", markdown_table(["", *names], quality + costs)]
    if run.verdict.comparisons:
        parts += ["Paired on the same test documents:\n", markdown_table(paired_titles(run), paired_rows(run))]
    if seeds := seed_rows(run):
        parts += ["Each seed by itself:\n", markdown_table(seed_titles(run), seeds)]
    parts += [*_training(run), *_errors(run), *_sureness(run), *_texts(run)]
    parts += [
        "## What the metrics mean\n",
        "".join(
            f"- **{escape(found.title)}**{f' `{found.protocol}`' if found.protocol else ''}: "
            f"{escape(' '.join(found.sentences))}\n"
            for found in explanations(run)
        ),
    ]
    titles, rows = data_rows(run)
    parts += ["## Data\n", markdown_table(titles, rows), _facts(data_facts(run))]
    titles, rows = near_duplicate_rows(run)
    parts += ["### Near-identical texts\n", markdown_table(titles, rows)] if rows else []
    parts += ["## Repeat it\n", code_block(shlex.join(run.environment.command)), _facts(environment_facts(run))]
    for contestant in run.contestants:
        result = contestant.result
        parts += [
            f"### Settings of {escape(result.name)}\n",
            _facts([*settings_rows(result.settings), ("seed", str(result.seed))]),
        ]
        parts += ["".join(f"- {escape(note)}\n" for note in result.notes)] if result.notes else []
    return "\n".join(parts)


def _training(run: LoadedRun) -> Iterable[str]:
    trained = [contestant for contestant in run.contestants if contestant.epochs]
    if trained:
        yield "## Training\n"
    for contestant in trained:
        rows = [[*row.cells, "kept" if row.kept else ""] for row in epoch_rows(contestant.epochs)]
        yield f"### {escape(contestant.name)}\n"
        yield markdown_table([*epoch_titles(contestant.epochs), ""], rows)


def _errors(run: LoadedRun) -> Iterable[str]:
    for contestant in run.contestants:
        matrix = contestant.result.confusion
        if matrix is not None and len(matrix.labels) <= 20:
            rows = [[label, *map(str, counts)] for label, counts in zip(matrix.labels, matrix.counts, strict=True)]
            yield f"### Confusion matrix of {escape(contestant.name)}\n"
            yield markdown_table(["true \\ predicted", *matrix.labels], rows)
        if contestant.result.classes:
            hardest = sorted(contestant.result.classes, key=lambda score: score.f1.value if score.f1 else 1.0)
            few = len(hardest) <= _LISTED_CLASSES
            classes = contestant.result.classes if few else hardest[:_LISTED_CLASSES]
            yield f"### {'Classes' if few else 'Hardest classes'} of {escape(contestant.name)}\n"
            yield _estimates(CLASS_TITLES, class_rows(classes))
        mistakes = [sample for sample in contestant.samples if sample.kind == "mistake"]
        if mistakes:
            yield f"### Worst mistakes of {escape(contestant.name)}\n"
            yield markdown_table(
                ["Text", "True", "Predicted", "Probability"],
                [[s.prompt, s.label or "", s.predicted or "", f"{s.probability or 0:.4f}"] for s in mistakes],
            )


def _sureness(run: LoadedRun) -> Iterable[str]:
    """How sure classifiers are, what to gain from it, and labels that look wrong."""
    if calibration := calibration_rows(run):
        yield "## Calibration\n"
        yield _estimates(CALIBRATION_TITLES, calibration)
    if thresholds := threshold_rows(run):
        yield "## Leaving unsure texts unanswered\n"
        yield "Thresholds were chosen on the validation side; the last three columns are measured on the test side.\n"
        yield markdown_table(threshold_titles(run), thresholds)
    if found := label_issue_list(run):
        yield "## Labels to look at again\n"
        yield f"A list to read, not a list of errors. {escape(label_issue_counts(run))}\n"
        yield markdown_table(
            ["Text", "Row", "Given label", "Likelier", "Probability", "Says"],
            [
                [
                    each.sample.prompt,
                    each.sample.document or "",
                    each.sample.label or "",
                    each.sample.predicted or "",
                    f"{each.sample.probability or 0:.4f}",
                    ", ".join(each.contestants),
                ]
                for each in found
            ],
        )


def _estimates(titles: Sequence[str], rows: Iterable[Sequence[tuple[str, str]]]) -> str:
    return markdown_table(
        titles, [[f"{value} ({interval})" if interval else value for value, interval in row] for row in rows]
    )


def _texts(run: LoadedRun) -> Iterable[str]:
    if not run.is_classification:
        yield "## Perplexity by document, where they differ most\n"
        yield markdown_table(document_titles(run), document_rows(run))
    prompts = dict.fromkeys(s.prompt for c in run.contestants for s in c.samples if s.kind == "generated")
    for prompt in prompts:
        yield f"## Continuations of: {escape(prompt)}\n"
        for contestant in run.contestants:
            for sample in contestant.samples:
                if sample.prompt == prompt and sample.kind == "generated":
                    found = sample.statistics
                    shares = (
                        f": repeated 4-grams {percent(found.repeated_4_grams)}, distinct 1-grams "
                        f"{percent(found.distinct_1)}, distinct 2-grams {percent(found.distinct_2)}"
                        if found
                        else ""
                    )
                    yield f"**{escape(contestant.name)}**{shares}\n"
                    yield code_block(sample.text)


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    return "".join(f"- {escape(name)}: {escape(value)}\n" for name, value in rows)
