"""Columns of a table as vectors, which all methods that read columns share.

Numbers and dates are scaled by their median and interquartile range, and drawn in softly beyond three standard
deviations, so that a few huge values do not decide. A missing number is the median, and a value of its own says that it
is missing. Each frequent category is a value of 0 or 1, and the rare ones share one. scikit-learn learns all this from
the training split; what it has learned is a few numbers and names, which are saved as JSON, and encoding needs nothing
else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from bakeoff.data.row_texts import Cell, RowTexts
from bakeoff.errors import UserError
from bakeoff.methods.table_columns.kinds import Reading, find_reading
from bakeoff.runs.writing import write_text

FEWEST_ROWS = 5
"""Training rows of a category that gets a value of its own."""

MOST_CATEGORIES = 50
"""Values of a column of categories; the most frequent ones come first."""

FARTHEST = 3.0
"""Standard deviations from the median that no encoded number reaches."""

_SHOWN = 40  # characters of a cell in a note

Array = npt.NDArray[np.float32]

_FILE = "columns.json"


@dataclass(frozen=True)
class EncodedColumn:
    """What was learned of a column."""

    name: str
    reading: Reading
    center: float = 0.0  # of numbers and dates: the median
    scale: float = 1.0  # their standard deviation, from the interquartile range where that is not 0
    gaps: bool = False  # some training rows have no number: a value says where one is missing
    categories: list[Cell] = field(default_factory=list)  # None: the cell is missing
    others: bool = False  # a value stands for all other categories, unknown ones included

    @property
    def values(self) -> list[str]:
        """Return what each encoded value stands for, in words."""
        if self.reading.kind != "category":
            return [self.name, *[f"{self.name} is missing"] * self.gaps]
        named = [f"{self.name} is missing" if each is None else f"{self.name} = {each}" for each in self.categories]
        return [*named, *[f"{self.name}: any other"] * self.others]

    @property
    def described(self) -> str:
        """Return the column and what it holds, in a few words."""
        if self.reading.kind != "category":
            return f"{self.name} ({self.reading.kind}s)"
        named = sum(category is not None for category in self.categories)
        return f"{self.name} ({named} categor{'y' if named == 1 else 'ies'}{' and others' * self.others})"

    def notes(self, cells: Sequence[Cell]) -> list[str]:
        """Return sentences on what a reader may not expect.

        Args:
            cells: All that the table has.
        """
        notes = []
        if self.reading.decimal == "comma":
            notes.append(f"Numbers in column {self.name!r} are read with a decimal comma: 1.234,5.")
        if unread := self.reading.unread(cells):
            notes.append(self.unread_note(len(unread), unread[0]))
        if self.others and not self.categories:
            notes.append(
                f"Column {self.name!r} tells nothing apart: no category stands in {FEWEST_ROWS} training rows or more."
            )
        return notes

    def unread_note(self, count: int, example: str) -> str:
        """Return a sentence on so many cells that cannot be read, of which `example` is one."""
        one = count == 1
        return (
            f"Column {self.name!r}: {count:,} cell{' is' if one else 's are'} no {self.reading.kind} and "
            f"count{'s' * one} as missing, such as {example[:_SHOWN]!r}."
        )

    def encode(self, cells: Sequence[Cell]) -> Array:
        """Return shape (cells, values)."""
        if self.reading.kind == "category":
            return self._one_hot(cells)
        numbers = self.reading.numbers(cells)
        missing = np.isnan(numbers)
        scaled = softly_clipped((np.where(missing, self.center, numbers) - self.center) / self.scale)
        return np.stack([scaled, missing] if self.gaps else [scaled], axis=1).astype(np.float32)

    def _one_hot(self, cells: Sequence[Cell]) -> Array:
        encoded = np.zeros((len(cells), len(self.values)), dtype=np.float32)
        place_of = {category: place for place, category in enumerate(self.categories)}
        other = len(self.categories) if self.others else -1
        places = np.array([place_of.get(cell, other) for cell in cells], dtype=np.int64)
        rows = np.flatnonzero(places >= 0)
        encoded[rows, places[rows]] = 1
        return encoded


class ColumnEncoder:
    """Encodes the cells of the columns that it was fitted on."""

    def __init__(self, columns: Sequence[EncodedColumn]) -> None:
        self.columns = columns

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Self:
        """Learn from the cells of training texts; they need not vary.

        Args:
            texts: `RowTexts`.
        """
        return cls([_fitted(name, cells) for name, cells in _columns_of(texts).items()])

    @property
    def values(self) -> list[str]:
        """Return what each encoded value stands for, in words."""
        return [value for column in self.columns for value in column.values]

    @property
    def size(self) -> int:
        """Return how many values a row has."""
        return len(self.values)

    def encode(self, texts: Sequence[str]) -> Array:
        """Return shape (texts, values): numbers between -3 and 3, and 0 or 1.

        Args:
            texts: `RowTexts` with all columns.
        """
        cells = _columns_of(texts)
        return np.hstack([column.encode(cells[column.name]) for column in self.columns])

    def typed(self, texts: Sequence[str]) -> dict[str, npt.NDArray[np.float64] | list[Cell]]:
        """Return the columns as they are, by name: numbers and dates as floats, categories as strings or None.

        Args:
            texts: `RowTexts` with all columns.
        """
        cells = _columns_of(texts)
        return {
            column.name: list(cells[column.name])
            if column.reading.kind == "category"
            else column.reading.numbers(cells[column.name])
            for column in self.columns
        }

    def save(self, folder: Path) -> None:
        """Write columns.json."""
        values = [asdict(column) for column in self.columns]
        write_text(folder / _FILE, json.dumps(values, indent=2, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read columns.json.

        Raises:
            UserError: it is missing or damaged.
        """
        try:
            values: list[dict[str, Any]] = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            return cls([EncodedColumn(**{**each, "reading": Reading(**each["reading"])}) for each in values])
        except (OSError, ValueError, TypeError, KeyError):
            raise UserError(f"{folder / _FILE} is missing or damaged.", "Train the contestant again.") from None

    @classmethod
    def find(cls, folder: Path) -> Self | None:
        """Return what was saved in a folder or inside it; None if nothing was.

        Raises:
            UserError: as `load`.
        """
        file = next(folder.rglob(_FILE), None)
        return None if file is None else cls.load(file.parent)


def softly_clipped(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Draw numbers in, the farther the more, so that they stay between -3 and 3 (skrub's `SquashingScaler`)."""
    with np.errstate(over="ignore", invalid="ignore"):  # the square of 1e200 is infinite, and the result 3 all the same
        drawn = values / np.sqrt(1 + (values / FARTHEST) ** 2)
    return np.where(np.abs(values) > 1e100, np.sign(values) * FARTHEST, drawn)


def _columns_of(texts: Sequence[str]) -> dict[str, Sequence[Cell]]:
    """Return the cells of texts that have some; a model that reads columns must not get texts alone."""
    if not isinstance(texts, RowTexts):
        raise TypeError("these texts have no columns: give RowTexts")
    return dict(texts.columns)


def _fitted(name: str, cells: Sequence[Cell]) -> EncodedColumn:
    from sklearn.preprocessing import OneHotEncoder, RobustScaler, StandardScaler

    column = EncodedColumn(name, find_reading(cells))
    if column.reading.kind == "category":
        encoder = OneHotEncoder(
            min_frequency=FEWEST_ROWS, max_categories=MOST_CATEGORIES, handle_unknown="infrequent_if_exist"
        )
        encoder.fit(np.array(cells, dtype=object).reshape(-1, 1))
        rare = encoder.infrequent_categories_[0]
        rare = set() if rare is None else set(rare)
        kept = [category for category in encoder.categories_[0] if category not in rare]
        return replace(column, categories=kept, others=bool(rare))
    numbers = column.reading.numbers(cells).reshape(-1, 1)
    robust = RobustScaler(unit_variance=True).fit(numbers)  # which leaves out what is missing
    low, high = np.nanpercentile(numbers, [25, 75])
    # Where half of the rows have one number, there is no range between the quartiles.
    scale = robust.scale_ if low < high else StandardScaler().fit(numbers).scale_
    return replace(column, center=float(robust.center_[0]), scale=float(scale[0]), gaps=bool(np.isnan(numbers).any()))
