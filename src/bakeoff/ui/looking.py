"""Look into an uploaded file as `bakeoff init` does."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from bakeoff.config.choices import Choices
from bakeoff.config.seen import Seen, shown
from bakeoff.config.starting import StartingConfig, starting_config
from bakeoff.data.compression import LINES, ending_of, unpack
from bakeoff.data.encodings import decode_found
from bakeoff.data.nested import leaves
from bakeoff.data.raw_tables import RawTable, read_raw_table
from bakeoff.data.reading import read_as
from bakeoff.errors import UserError
from bakeoff.evaluation.config import NEED_ORDER
from bakeoff.evaluation.metrics import Metric, get_metric, metrics_of
from bakeoff.serve.shapes import Task
from bakeoff.ui.limits import PageLimits
from bakeoff.ui.settings import check_settings, settings_of
from bakeoff.ui.shapes import FileChoices, Found, Lengths, Look, MetricChoice, Offered, Problem
from bakeoff.ui.unpacking import is_larger

_ROWS = 6
_LONGEST_CELL = 240


def look_into(file: Path, name: str, choices: FileChoices, limits: PageLimits) -> tuple[Look, StartingConfig | None]:
    """Return the first rows of a file and what was found in it, and a config for it.

    What is wrong with the file becomes the `problem` of the look, and there is no config.

    Args:
        name: What the client calls the file, for messages.
        choices: What somebody decided.
    """
    columns: list[str] = []
    rows: list[list[str]] = []
    lines = ending_of(file.name) == LINES
    try:
        if is_larger(file, limits.unpacked_bytes):
            raise UserError(f"{file} holds more than {limits.unpacked_bytes:,} bytes once it is unpacked.", _TOO_LARGE)
        if lines:
            columns, rows = ["text"], _first_lines(file)
        else:
            table = read_raw_table(str(file))
            columns, rows = leaves(table.columns), _first_rows(table)
            if len(table) > limits.rows:
                raise UserError(f"{file} has {len(table):,} rows; this page takes {limits.rows:,}.", _TOO_LARGE)
        start = start_of(file, choices)
        found = found_in(start)
        if choices.metric is not None and choices.metric not in [each.name for each in found.metrics]:
            title = get_metric(choices.metric).title
            raise UserError(f"{title} cannot decide the verdict on these labels.", "Choose another metric.")
        check_settings(found.task, choices.settings, {each.name: each.settings for each in found.lineup})
        return Look(columns=columns, rows=rows, lines=lines, found=found), start
    except UserError as error:
        instead = _CHOOSE if len(columns) > 1 else "Take another file, or save this one again, as CSV for example."
        return Look(columns=columns, rows=rows, lines=lines, problem=problem_of(error, file, name, instead)), None


def start_of(file: Path, choices: FileChoices) -> StartingConfig:
    """Return a config for a file, with all contestants that are proposed.

    Raises:
        UserError: the file cannot be read, or nothing can be learned from it.
    """
    decided = Choices(**choices.model_dump(exclude={"text", "label"}))
    return starting_config(str(file), choices.text or None, choices.label, choices=decided)


_CHOOSE = "If other columns hold the text and the label, choose them in the table."
_TOO_LARGE = "Take a part of it, or use the command line, which has no such limit."


def problem_of(error: UserError, file: Path, name: str, instead: str = "") -> Problem:
    """Return an error as the page tells it: with the client's name of the file, and no options of the command line.

    Args:
        instead: What to do, in place of a hint that is for the command line alone.
    """
    message, hint = (part.replace(str(file), shown(name)) for part in (error.message, error.hint))
    told = [line for line in hint.split("\n") if not any(words in line for words in ("--", "bakeoff ", "data."))]
    return Problem(message=message, hint="\n".join(told) if told else instead)


def found_in(start: StartingConfig) -> Found:
    """Return what a first config was made from."""
    seen = start.seen
    assert seen.words is not None
    task: Task = "classification" if seen.task == "classification" else "language-model"
    return Found(
        task=task,
        rows=seen.rows,
        text=seen.text,
        label=seen.label,
        multilabel=seen.multilabel,
        split=seen.split,
        english=seen.english,
        epochs=start.values["budget"].get("epochs"),
        metric=_metric(start),
        metrics=[
            MetricChoice(name=each.name, title=each.title, meaning=each.meaning) for each in _metrics_that_decide(seen)
        ],
        tested=_tested(start),
        read_as=read_as(seen.format) if seen.format else "",
        classes=seen.classes,
        lengths=Lengths(
            median=seen.words.median,
            percentile_95=seen.words.percentile_95,
            longest=seen.words.longest,
            units=seen.words.units,
        ),
        skipped=seen.skipped,
        duplicate_texts=seen.duplicate_texts,
        near_duplicate_texts=seen.near_duplicate_texts,
        notes=[note for note in seen.notes if not note.startswith("Read as:")],  # which `read_as` says
        reasons=seen.reasons,
        lineup=[
            Offered(
                name=each.name,
                reason=each.reason,
                quick=each.is_quick,
                promise=each.promise,
                settings=settings_of(task, each),
            )
            for each in start.lineup
        ],
    )


def _metric(start: StartingConfig) -> str | None:
    if start.seen.task != "classification":
        return None
    default = "micro_f1" if start.seen.multilabel else "accuracy"
    return str(start.values.get("evaluation", {}).get("metric", default))


def _metrics_that_decide(seen: Seen) -> list[Metric]:
    """Return the metrics that could decide the verdict on such labels, without more settings."""
    if seen.task != "classification":
        return []
    left_out = ["cost"]
    if seen.multilabel or len(seen.classes) < 3 or not all(_is_number(label) for label in seen.classes):
        left_out += NEED_ORDER
    if len(seen.classes) <= 3:
        left_out.append("top_3_accuracy")
    metrics = metrics_of("classification", "several" if seen.multilabel else "one")
    return [each for each in metrics if each.paired and each.name not in left_out]


def _is_number(label: str) -> bool:
    try:
        return math.isfinite(float(label))
    except ValueError:
        return False


def _tested(start: StartingConfig) -> str:
    split = start.values["data"].get("split", {})
    if (column := split.get("column")) is not None:
        return f"the rows that column {shown(column)} names"
    if (folds := split.get("folds")) is not None:
        return f"all rows, each by models that learned from other rows ({folds} folds)"
    if start.seen.task != "classification":
        return "a part of the texts"
    return f"{split.get('test', 0.2):.0%} of the rows, drawn at random"


def _first_rows(table: RawTable) -> list[list[str]]:
    values = [table.column(name)[:_ROWS] for name in leaves(table.columns)]
    return [[_cell(value) for value in row] for row in zip(*values, strict=True)]


def _first_lines(file: Path) -> list[list[str]]:
    text, _ = decode_found(unpack(file.read_bytes(), str(file), (LINES,))[0], str(file))
    return [[_cell(line)] for line in text.splitlines() if line.strip()][:_ROWS]


def _cell(value: Any) -> str:
    return "" if value is None else shown(str(value)[: 4 * _LONGEST_CELL], _LONGEST_CELL)
