"""Guess which columns of a table hold the text, the label and the split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bakeoff.data.columns import LABEL_NAMES, TEXT_NAMES, choose_column, choose_text_columns, label_of, text_of
from bakeoff.data.raw_tables import RawTable
from bakeoff.data.tables import SPLIT_NAMES
from bakeoff.errors import UserError

MOST_CLASSES = 200
FEWEST_ROWS_A_CLASS = 5  # on average; a column with fewer holds numbers, names or remarks, not classes

_ROWS_LOOKED_AT = 2000
_FEWEST_WORDS = 2.0  # on average, in a column of texts


@dataclass(frozen=True)
class WordCounts:
    """Lengths of texts, in words separated by white space."""

    median: int
    percentile_95: int
    longest: int


@dataclass(frozen=True)
class ColumnRoles:
    """The columns of a table that hold text, label and split."""

    text: list[str]
    label: str | None  # None: no column looks like one
    split: str | None  # holds only names of splits, train and test among them


def guess_columns(table: RawTable, text: Sequence[str] | None = None, label: str | None = None) -> ColumnRoles:
    """Guess the columns from their names, or from their contents where no name is a usual one.

    A label column repeats a few values; the text column is the one with the most words.

    Args:
        text, label: Known columns, which are not guessed.

    Raises:
        UserError: a known column does not exist; the label column has one value only, or so many that they cannot be
            classes; or no column holds texts.
    """
    texts = choose_text_columns(table, text, "--text") if text else [_text_column(table, label)]
    others = [name for name in table.columns if name not in texts and name.lower() != "id"]
    split = next((name for name in others if name != label and _names_splits(table.columns[name])), None)
    if label is not None:
        choose_column(table, label, (), "--label")
        _check_label(table, label)
        return ColumnRoles(texts, label, split)
    others = [name for name in others if name != split]
    by_name = [name for usual in LABEL_NAMES for name in others if name.lower() == usual]
    if by_name:
        _check_label(table, by_name[0])
        return ColumnRoles(texts, by_name[0], split)
    by_content = [name for name in others if _can_be_classes(table.columns[name])]
    fewest_classes = min(by_content, key=lambda name: len(_values(table.columns[name])), default=None)
    return ColumnRoles(texts, fewest_classes, split)


def word_counts(texts: Sequence[str]) -> WordCounts:
    """Return the word counts of one or more texts."""
    counts = np.array([len(text.split()) for text in texts])
    median, high = np.percentile(counts, [50, 95], method="inverted_cdf")
    return WordCounts(int(median), int(high), int(counts.max()))


def _text_column(table: RawTable, label: str | None) -> str:
    words = {name: mean_words(values) for name, values in table.columns.items() if name != label}
    usual = [name for name in words if name.lower() in TEXT_NAMES and words[name] >= _FEWEST_WORDS]
    if usual:
        return max(usual, key=lambda name: words[name])
    longest = max(words, key=lambda name: words[name], default=None)
    if longest is None or words[longest] < _FEWEST_WORDS:
        raise UserError(
            f"{table.source} has no column of texts: none holds more than a word or two. "
            f"Its columns are {', '.join(table.columns)}.",
            "If one of them is the text anyway, name it: --text COLUMN",
        )
    return longest


def mean_words(values: Sequence[Any]) -> float:
    """Return the mean number of words of the first values; a value that is not a string has none."""
    first = values[:_ROWS_LOOKED_AT]
    words = [len(value.split()) if isinstance(value, str) and text_of(value) else 0 for value in first]
    return sum(words) / max(len(words), 1)


def _names_splits(values: Sequence[Any]) -> bool:
    names = {SPLIT_NAMES.get(value.lower()) for value in _values(values)}
    return None not in names and {"train", "test"} <= names


def _values(values: Sequence[Any]) -> Counter[str]:
    return Counter(label for value in values if (label := label_of(value)) is not None)


def _can_be_classes(values: Sequence[Any]) -> bool:
    counts = _values(values)
    return 2 <= len(counts) <= min(MOST_CLASSES, counts.total() / FEWEST_ROWS_A_CLASS)


def _check_label(table: RawTable, name: str) -> None:
    counts = _values(table.columns[name])
    if len(counts) == 1:
        raise UserError(
            f"{table.source} has one class only: every label in column {name!r} is {next(iter(counts))!r}.",
            "A classifier needs at least two. If the label is another column, name it: --label COLUMN",
        )
    if counts.total() < 2 * FEWEST_ROWS_A_CLASS:
        raise UserError(
            f"{table.source} has {counts.total()} rows with a label: too few to train and evaluate on.",
            f"Give at least {2 * FEWEST_ROWS_A_CLASS}; a few hundred are a good start.",
        )
    if not _can_be_classes(table.columns[name]):
        numbers = all(_is_number(value) for value in counts)
        raise UserError(
            f"Column {name!r} of {table.source} has {len(counts):,} different values in {counts.total():,} rows: too "
            "many to be classes" + (", and they are numbers, which is a regression task." if numbers else "."),
            "bakeoff learns classes. Add a column that groups the values (such as low, middle, high), or name another "
            "column: --label COLUMN",
        )


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
