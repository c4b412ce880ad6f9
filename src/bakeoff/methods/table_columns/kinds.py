"""Tell whether a column holds numbers, dates or categories, and read its cells as numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bakeoff.data.cells import WrittenNumber
from bakeoff.data.row_texts import Cell
from bakeoff.data.time_split import date_reader, has_slashes, slash_order
from bakeoff.errors import UserError

Kind = Literal["number", "date", "category"]
Mark = Literal["point", "comma"]

ENOUGH = 0.9
"""Share of the different cells that must be numbers (or dates); the others then count as missing."""

_LOOKED_AT = 50  # different cells that show whether a column holds dates: reading what is none tries every format
_DAY = 86_400.0

_LARGEST = 1e30
"""Numbers beyond it, which mark what is missing if anything, count as it: their squares overflow."""

_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_WITH_A_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?")


@dataclass(frozen=True)
class Reading:
    """How the cells of a column are read."""

    kind: Kind
    decimal: Mark = "point"  # of numbers
    slashes: str | None = None  # the order of dates such as 01/02/2024

    def numbers(self, cells: Sequence[Cell]) -> npt.NDArray[np.float64]:
        """Return numbers, or dates as days since 1970, shape (cells,); NaN where a cell is missing or neither."""
        read = self._reader()
        return np.array([math.nan if cell is None else read(cell) for cell in cells], dtype=np.float64)

    def unread(self, cells: Sequence[Cell]) -> list[str]:
        """Return the cells that count as missing because they are no number, or no date."""
        if self.kind == "category":
            return []
        return [cell for cell, value in zip(cells, self.numbers(cells), strict=True) if cell and math.isnan(value)]

    def _reader(self) -> Callable[[str], float]:
        if self.kind == "number":
            return _number if self.decimal == "point" else _number_with_a_comma
        dates = date_reader(self.slashes)

        def day(cell: str) -> float:
            moment = dates(cell)
            return math.nan if moment is None else moment.timestamp() / _DAY

        return day


def find_reading(cells: Iterable[Cell]) -> Reading:
    """Return how to read a column: as numbers or dates if nine in ten of its different cells are, else as categories.

    Numbers may have a decimal point (`1,234.5`) or a decimal comma (`1.234,5`), whichever reads more of them.
    """
    different = sorted({cell for cell in cells if cell is not None})
    if not different:
        return Reading("category")
    marks: tuple[Mark, ...] = ("point", "comma")  # the first one wins a tie
    best = max((Reading("number", mark) for mark in marks), key=lambda reading: _share(reading, different))
    if _share(best, different) >= ENOUGH:
        return best
    try:
        slashes = slash_order([cell for cell in different if has_slashes(cell)], "", "", [])
    except UserError:  # day and month cannot be told apart
        slashes = None
    dates = Reading("date", slashes=slashes)
    some = different[:: max(1, len(different) // _LOOKED_AT)]
    if _share(dates, some) >= ENOUGH and _share(dates, different) >= ENOUGH:
        return dates
    return Reading("category")


def _share(reading: Reading, cells: Sequence[str]) -> float:
    return float(np.mean(~np.isnan(reading.numbers(cells))))


def _number(cell: str) -> float:
    """Return a number with a decimal point, at most `_LARGEST` or least its negative; infinity is no number."""
    if _THOUSANDS.fullmatch(cell):
        cell = cell.replace(",", "")
    try:
        number = float(cell)
    except ValueError:
        return math.nan
    return max(-_LARGEST, min(number, _LARGEST)) if math.isfinite(number) else math.nan


def _number_with_a_comma(cell: str) -> float:
    if isinstance(cell, WrittenNumber):
        return _number(cell)
    return _number(cell.replace(".", "").replace(",", ".")) if _WITH_A_COMMA.fullmatch(cell) else math.nan
