"""Find the columns of a table that a first bake-off could read beside the text."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bakeoff.data.cells import NotTextError, cell_of
from bakeoff.data.profile import FEWEST_ROWS_A_CLASS
from bakeoff.data.row_texts import Cell
from bakeoff.methods.table_columns.encoder import MOST_CATEGORIES
from bakeoff.methods.table_columns.kinds import find_reading

_FILLED = 0.5  # of the cells, at least
_LAST_WORD = re.compile(r"([A-Za-z]+?)\d*$")
_NAMES_OF_ROWS = ("id", "ids", "uuid", "guid", "index", "idx")


def usable_columns(columns: Mapping[str, Sequence[Any]], taken: Collection[str]) -> list[str]:
    """Return the columns of numbers and of few categories, but not names of rows, dates, free text or constants.

    Args:
        columns: Of the table, as they were read.
        taken: Columns that have another role.
    """
    return [name for name, cells in columns.items() if name not in taken and _is_usable(name, cells)]


def _is_usable(name: str, values: Sequence[Any]) -> bool:
    try:
        cells = [cell_of(value) for value in values]
    except NotTextError:
        return False
    present = [cell for cell in cells if cell is not None]
    different = len(set(present))
    if different < 2 or len(present) < _FILLED * len(cells):
        return False
    kind = find_reading(present).kind
    if kind == "number":
        return not (all(map(_is_whole, present)) and (different == len(present) or _names_rows(name)))
    few = different <= min(MOST_CATEGORIES, len(present) / FEWEST_ROWS_A_CLASS)
    return kind == "category" and few and not _names_rows(name)


def _is_whole(cell: Cell) -> bool:
    return cell is not None and cell.removeprefix("-").isdecimal()


def _names_rows(name: str) -> bool:
    """Return whether a column is called `id`, `customer_id`, `customerId` or the like."""
    last = _LAST_WORD.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name))
    return last is not None and last[1].lower() in _NAMES_OF_ROWS
