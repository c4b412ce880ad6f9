"""Read a sheet of a spreadsheet: .xlsx, .xlsb, .xls, .ods."""

from __future__ import annotations

import contextlib
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any
from xml.parsers import expat

from bakeoff.data.config import TableFormat
from bakeoff.data.dialects import Record
from bakeoff.data.headers import has_header
from bakeoff.data.reading import Reading, read_as
from bakeoff.errors import UserError
from bakeoff.packages import require
from bakeoff.spelling import nearest

SPREADSHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")


def read_spreadsheet(content: bytes, name: str, settings: TableFormat) -> Reading:
    """Return the columns of a sheet. Empty rows and columns are skipped, and whole numbers have no `.0`.

    Raises:
        UserError: the package that reads spreadsheets is missing, the file is damaged, or it has no such sheet.
    """
    require("excel", f"Reading {name}", "Or save the sheet as .csv.")
    import python_calamine

    try:
        _check_open_document(content)
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheets = {sheet: book.get_sheet_by_name(sheet).to_python(skip_empty_area=True) for sheet in book.sheet_names}
    except (python_calamine.CalamineError, OSError, ValueError, expat.ExpatError) as error:
        raise UserError(f"{name} is not a readable spreadsheet: {error}.", "Save it again, or as .csv.") from None
    filled = {sheet: _filled(rows) for sheet, rows in sheets.items()}
    filled = {sheet: rows for sheet, rows in filled.items() if rows}
    if not filled:
        raise UserError(f"{name} is empty.", "Give a spreadsheet that is not empty.")
    sheet = settings.sheet or next(iter(filled))
    if sheet not in filled:
        near = nearest(sheet, list(filled))
        raise UserError(
            f"{name} has no sheet {sheet!r} with cells; it has {', '.join(map(repr, filled))}.",
            f"Did you mean {near!r}? " * bool(near) + "Set data.format.sheet to one of them.",
        )
    rows = filled[sheet]
    records = [
        Record(number, ["" if cell is None else str(cell) for cell in row]) for number, row in enumerate(rows, 1)
    ]
    header = has_header(records) if settings.header is None else settings.header
    found = TableFormat(sheet=sheet, header=header)
    others = [other for other in filled if other != sheet] if settings.sheet is None else []
    notes = []
    if others:
        notes.append(f"Read as: {read_as(found)}. {_listed(others)}")
    elif not header and settings.header is None:
        notes.append(f"Read as: {read_as(found)}.")
    return Reading(_columns(rows, name, header), notes, found, other_sheets=others)


@contextlib.contextmanager
def naming_sheets(others: Sequence[str]) -> Iterator[None]:
    """Name the other sheets, if there are any, in an error about the one that was read."""
    try:
        yield
    except UserError as error:
        if not others:
            raise
        hint = "If the rows are on another sheet, move it to the front, or save it as .csv."
        raise UserError(f"{error.message} {_listed(others)}", f"{error.hint}\n{hint}".strip()) from None


def _listed(others: Sequence[str]) -> str:
    return f"Other sheets, which are not read: {', '.join(map(repr, others))}."


def _check_open_document(content: bytes) -> None:
    """Check the cells of an .ods, because calamine never ends where they are cut.

    Raises:
        ExpatError: their XML is malformed.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            cells = archive.read("content.xml")
    except (KeyError, zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError, zlib.error):
        return  # of another format, or damaged in a way that calamine notices
    expat.ParserCreate().Parse(cells, True)


def _filled(rows: list[list[Any]]) -> list[list[Any]]:
    """Return the rows and columns that are not empty; empty cells are None."""
    cells = [[_cell(value) for value in row] for row in rows]
    cells = [row for row in cells if any(value is not None for value in row)]
    used = [number for number, column in enumerate(zip(*cells, strict=True)) if any(v is not None for v in column)]
    return [[row[number] for number in used] for row in cells]


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.strip() else None
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _columns(rows: list[list[Any]], name: str, header: bool) -> dict[str, list[Any]]:
    width = len(rows[0])
    if header:
        names = [f"column_{n}" if cell is None else str(cell).strip() for n, cell in enumerate(rows[0], start=1)]
        rows = rows[1:]
    else:
        names = [f"column_{number}" for number in range(1, width + 1)]
    if twice := {column for column in names if names.count(column) > 1}:
        raise UserError(f"{name}: column {sorted(twice)[0]!r} occurs twice.", "Rename one of them.")
    return {column: _cells([row[number] for row in rows]) for number, column in enumerate(names)}


def _cells(column: list[Any]) -> list[Any]:
    """Return the cells of a column; where some hold text, the empty ones are "", as in a CSV, not unknown."""
    if not any(isinstance(cell, str) for cell in column):
        return column
    return ["" if cell is None else cell for cell in column]
