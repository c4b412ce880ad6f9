"""Look into an uploaded file as `bakeoff init` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bakeoff.config.seen import shown
from bakeoff.config.starting import StartingConfig, starting_config
from bakeoff.data.compression import ending_of, unpack
from bakeoff.data.encodings import decode_found
from bakeoff.data.nested import leaves
from bakeoff.data.raw_tables import RawTable, read_raw_table
from bakeoff.data.reading import read_as
from bakeoff.errors import UserError
from bakeoff.ui.limits import PageLimits
from bakeoff.ui.shapes import Found, Lengths, Look, Offered, Problem
from bakeoff.ui.unpacking import is_larger

_ROWS = 6
_LONGEST_CELL = 240


def look_into(
    file: Path, name: str, text: Sequence[str], label: str | None, limits: PageLimits
) -> tuple[Look, StartingConfig | None]:
    """Return the first rows of a file and what was found in it, and a config for it.

    What is wrong with the file becomes the `problem` of the look, and there is no config.

    Args:
        name: What the client calls the file, for messages.
        text, label: Columns, if they are known.
    """
    columns: list[str] = []
    rows: list[list[str]] = []
    try:
        if is_larger(file, limits.unpacked_bytes):
            raise UserError(f"{file} holds more than {limits.unpacked_bytes:,} bytes once it is unpacked.", _TOO_LARGE)
        if ending_of(file.name) == ".txt":
            columns, rows = ["text"], _first_lines(file)
        else:
            table = read_raw_table(str(file))
            columns, rows = leaves(table.columns), _first_rows(table)
            if len(table) > limits.rows:
                raise UserError(f"{file} has {len(table):,} rows; this page takes {limits.rows:,}.", _TOO_LARGE)
        start = starting_config(str(file), text or None, label)
        return Look(columns=columns, rows=rows, found=found_in(start)), start
    except UserError as error:
        return Look(columns=columns, rows=rows, problem=problem_of(error, file, name)), None


_TOO_LARGE = "Take a part of it, or use the command line, which has no such limit."


def problem_of(error: UserError, file: Path, name: str) -> Problem:
    """Return an error as the page tells it: with the client's name of the file, and no options of the command line."""
    message, hint = (part.replace(str(file), shown(name)) for part in (error.message, error.hint))
    if "--" in hint or "bakeoff " in hint:
        hint = "If other columns hold the text and the label, choose them in the table."
    return Problem(message=message, hint=hint)


def found_in(start: StartingConfig) -> Found:
    """Return what a first config was made from."""
    seen = start.seen
    assert seen.words is not None
    return Found(
        task="classification" if seen.task == "classification" else "language-model",
        rows=seen.rows,
        text=seen.text,
        label=seen.label,
        split=seen.split,
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
        lineup=[Offered(name=each.name, reason=each.reason, quick=each.is_quick) for each in start.lineup],
    )


def _tested(start: StartingConfig) -> str:
    split = start.values["data"].get("split", {})
    if (column := split.get("column")) is not None:
        return f"the rows that column {shown(column)} names"
    if (folds := split.get("folds")) is not None:
        return f"all rows, each by models that learned from other rows ({folds} folds)"
    return (
        "a part of the rows, drawn at random" if split or start.seen.task == "classification" else "a part of the texts"
    )


def _first_rows(table: RawTable) -> list[list[str]]:
    values = [table.column(name)[:_ROWS] for name in leaves(table.columns)]
    return [[_cell(value) for value in row] for row in zip(*values, strict=True)]


def _first_lines(file: Path) -> list[list[str]]:
    text, _ = decode_found(unpack(file.read_bytes(), str(file), (".txt",))[0], str(file))
    return [[_cell(line)] for line in text.splitlines() if line.strip()][:_ROWS]


def _cell(value: Any) -> str:
    return "" if value is None else shown(str(value)[: 4 * _LONGEST_CELL], _LONGEST_CELL)
