"""Texts that keep the cells of other columns of their rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

from bakeoff.data.cells import cell_of

Cell = str | None
"""A cell as `cells.cell_of` gives it: one text for a value, however a file stores it. None: missing."""


class RowTexts(Sequence[str]):
    """Texts with the cells of their rows in other columns. What reads texts alone sees a sequence of strings."""

    def __init__(self, texts: Sequence[str], columns: Mapping[str, Sequence[Cell]]) -> None:
        """
        Args:
            columns: A cell for each text, by the name of the column.
        """
        self.texts = texts
        self.columns = columns

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> RowTexts: ...
    def __getitem__(self, index: int | slice) -> str | RowTexts:
        if isinstance(index, slice):
            return RowTexts(self.texts[index], {name: cells[index] for name, cells in self.columns.items()})
        return self.texts[index]


def cells_at(texts: Sequence[str], row: int) -> dict[str, Cell]:
    """Return the cells of one text by the name of the column; none where texts have no columns."""
    return {name: cells[row] for name, cells in texts.columns.items()} if isinstance(texts, RowTexts) else {}


def row_texts(texts: Sequence[str], columns: Mapping[str, Sequence[Any]]) -> RowTexts:
    """Return texts with the values of columns as a file may hold them.

    Raises:
        ValueError: a column has more values than there are texts, or fewer.
        NotTextError: a value is a list or an object.
    """
    for name, values in columns.items():
        if len(values) != len(texts):
            raise ValueError(f"{len(values)} values of {name!r} for {len(texts)} texts")
    return RowTexts(texts, {name: [cell_of(value) for value in values] for name, values in columns.items()})


def with_columns(texts: Sequence[str], names: Sequence[str]) -> RowTexts:
    """Return texts with these columns; what they lack is missing in every row."""
    own = texts.columns if isinstance(texts, RowTexts) else {}
    return RowTexts(texts, {name: own.get(name, [None] * len(texts)) for name in names})


def picked(texts: Sequence[str], rows: Sequence[int]) -> Sequence[str]:
    """Return the texts at these positions, with their cells if they have any."""
    chosen = [texts[row] for row in rows]
    if not isinstance(texts, RowTexts):
        return chosen
    return RowTexts(chosen, {name: [cells[row] for row in rows] for name, cells in texts.columns.items()})


def concatenated(parts: Sequence[Sequence[str]]) -> Sequence[str]:
    """Return several lists of texts as one; either all of them have cells, in the same columns, or none has."""
    texts = [text for part in parts for text in part]
    rows = [part for part in parts if isinstance(part, RowTexts)]
    if not rows:
        return texts
    return RowTexts(texts, {name: [cell for part in rows for cell in part.columns[name]] for name in rows[0].columns})


def cell_columns(texts: Sequence[str]) -> list[list[str]]:
    """Return the columns of the cells of texts, for a fingerprint; a missing cell is ""."""
    if not isinstance(texts, RowTexts):
        return []
    return [[cell or "" for cell in cells] for cells in texts.columns.values()]


def repeated(texts: Sequence[str], cells: Mapping[str, Cell]) -> RowTexts:
    """Return texts that all have the same cells: variants of one text."""
    return RowTexts(texts, {name: [cell] * len(texts) for name, cell in cells.items()})
