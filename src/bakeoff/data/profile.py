"""Guess which columns of a table hold the text, the label and the split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from bakeoff.data.cells import NotTextError, label_of, text_of
from bakeoff.data.columns import LABEL_NAMES, TEXT_NAMES, choose_column, choose_text_columns, listed
from bakeoff.data.headers import is_number
from bakeoff.data.label_sets import is_yes_or_no, look_like_label_sets, refuse_objects
from bakeoff.data.nested import leaves
from bakeoff.data.raw_tables import RawTable
from bakeoff.data.scripts import counted_in_characters, rough_words
from bakeoff.data.split_rules import SPLIT_NAMES
from bakeoff.errors import UserError

MOST_CLASSES = 200
FEWEST_ROWS_A_CLASS = 5  # on average; a column with fewer holds numbers, names or remarks, not classes

_ROWS_LOOKED_AT = 2000
_ENGLISH = frozenset(
    (
        "the",
        "of",
        "to",
        "and",
        "with",
        "this",
        "that",
        "how",
        "what",
        "you",
        "my",
        "from",
        "not",
        "are",
        "for",
        "it",
        "is",
    )
)
_ENGLISH_SHARE = 0.08  # of the words; even titles have more, and languages that share some of these words fewer
_FEWEST_WORDS = 2.0  # on average, in a column of texts
_FEWEST_TEXTS = 3  # of a class: one for each split


@dataclass(frozen=True)
class WordCounts:
    """Lengths of texts: in words separated by white space, or in characters where a script has no blanks."""

    median: int
    percentile_95: int
    longest: int
    units: Literal["words", "characters"] = "words"


@dataclass(frozen=True)
class ColumnRoles:
    """The columns of a table that hold text, label and split."""

    text: list[str]
    label: str | list[str] | None  # a list: a column of 0 and 1 for each label; None: no column looks like one
    split: str | None  # holds only names of splits, train and test among them
    separator: str | None = None  # between several labels of one text
    reasons: list[str] = field(
        default_factory=list, compare=False
    )  # why these, in words; not for columns that are given
    unused_splits: list[str] = field(
        default_factory=list, compare=False
    )  # name splits, but do not divide the rows with a label into train and test


def guess_columns(
    table: RawTable, text: Sequence[str] | None = None, label: str | list[str] | None = None
) -> ColumnRoles:
    """Guess the columns from their names, or from their contents where no name is a usual one.

    A label column repeats a few values; the text column is the one with the most words.

    Args:
        text, label: Known columns, which are not guessed.

    Raises:
        UserError: a known column does not exist; the label column has one value only, or so many that they cannot be
            classes; or no column holds texts.
    """
    reasons: list[str] = []
    known = label if isinstance(label, list) else [label]
    texts = choose_text_columns(table, text, "--text") if text else [_text_column(table, known, reasons)]
    others = [name for name in leaves(table.columns) if name not in texts and name.lower() != "id"]
    splits = [name for name in others if name not in known and _may_name_splits(name, table.column(name))]
    if label is not None:
        for name in known:
            choose_column(table, name, (), "--label")
        if isinstance(label, str):
            _check_label(table, label, named=True)
    else:
        label = _label_column(table, [name for name in others if name not in splits], reasons)
    labels = [label] if isinstance(label, str) else label or []
    rows = _labeled_rows(table, labels)
    candidates = [name for name in others if name in table.columns and name not in labels]
    split = next((name for name in candidates if _names_splits([table.columns[name][row] for row in rows])), None)
    unused = [name for name in splits if name != split]
    return ColumnRoles(texts, label, split, _separator(table, label, reasons), reasons, unused)


def _labeled_rows(table: RawTable, labels: Sequence[str]) -> list[int]:
    """Return the rows in which no label is missing: the others, such as a test split without answers, are not used."""
    columns = [table.column(name) for name in labels]
    return [row for row in range(len(table)) if all(cells[row] == [] or label_of(cells[row]) for cells in columns)]


def _separator(table: RawTable, label: str | list[str] | None, reasons: list[str]) -> str | None:
    """Return what separates the labels in a column where a text has several."""
    found = look_like_label_sets(table.column(label)) if isinstance(label, str) else None
    if found in (None, "lists"):
        return None
    reasons.append(f"several labels in one cell: they are separated by {found!r}")
    return found


def word_counts(texts: Sequence[str]) -> WordCounts:
    """Return the lengths of one or more texts, in words or, in scripts without blanks, in characters."""
    characters = counted_in_characters(texts[:_ROWS_LOOKED_AT])
    counts = np.array([len(text) if characters else len(text.split()) for text in texts])
    median, high = np.percentile(counts, [50, 95], method="inverted_cdf")
    return WordCounts(int(median), int(high), int(counts.max()), "characters" if characters else "words")


def look_english(texts: Sequence[str]) -> bool:
    """Return whether the first texts have as many of the most frequent English words as English texts do."""
    words = [word for text in texts[:_ROWS_LOOKED_AT] for word in text.lower().split()]
    return sum(word in _ENGLISH for word in words) >= _ENGLISH_SHARE * max(len(words), 1)


def _text_column(table: RawTable, labels: Sequence[str | None], reasons: list[str]) -> str:
    names = leaves(table.columns)
    words = {name: mean_words(table.column(name)) for name in names if name not in labels}
    usual = [name for name in words if _last(name) in TEXT_NAMES and words[name] >= _FEWEST_WORDS]
    if usual:
        chosen = max(usual, key=lambda name: words[name])
        reasons.append(f"text: {chosen}, for its name")
        return chosen
    longest = max(words, key=lambda name: words[name], default=None)
    if longest is None or words[longest] < _FEWEST_WORDS:
        raise UserError(
            f"{table.source} has no column of texts: none holds more than a word or two. "
            f"Its columns are {listed(names)}.",
            "If one of them is the text anyway, name it: --text COLUMN",
        )
    reasons.append(f"text: {longest}, the column with the most words")
    return longest


def _label_column(table: RawTable, others: list[str], reasons: list[str]) -> str | list[str] | None:
    """Return the column that a usual name or a few repeated values show to hold the labels.

    Where no column does, but several hold 0 and 1, or yes and no, each of them is a label.
    """
    by_content = [name for name in others if _can_be_classes(table.column(name))]
    words = [name for name in by_content if not _are_numbers(table.column(name))]
    by_name = [name for usual in LABEL_NAMES for name in others if _last(name) == usual]
    if by_name:
        named = next((name for name in by_name if not is_quantity(table.column(name))), by_name[0])
        if not (is_quantity(table.column(named)) and words):
            _check_label(table, named, named=False)
            reasons.append(f"label: {named}, for its name")
            return named
    lists = [name for name in others if any(isinstance(cell, list) and len(cell) > 1 for cell in table.column(name))]
    if lists and not by_content:
        reasons.append(f"label: {lists[0]}, which holds lists: a text can have several labels")
        return lists[0]
    flags = [name for name in by_content if all(map(is_yes_or_no, _values(table.column(name))))]
    if len(flags) > 1:
        words = [name for name in words if name not in flags]
        if not words:
            reasons.append(f"labels: {', '.join(flags)}, which say yes or no: a text can have several labels")
            return flags
    chosen = min(words or by_content, key=lambda name: len(_values(table.column(name))), default=None)
    if chosen is not None:
        count = len(_values(table.column(chosen)))
        beside = ", and no numbers" * bool(words and len(words) < len(by_content))
        reasons.append(f"label: {chosen}, whose {count} values repeat{beside}")
    return chosen


def mean_words(values: Sequence[Any]) -> float:
    """Return the mean number of words of the first values; a value that is no text has none."""
    first = values[:_ROWS_LOOKED_AT]
    return sum(_words(value) for value in first) / max(len(first), 1)


def _words(value: Any) -> float:
    if not isinstance(value, str | list | bytes):
        return 0
    try:
        return rough_words(text_of(value) or "")
    except NotTextError:
        return 0


def _last(name: str) -> str:
    """Return the last key of a dotted path, in lower case."""
    return name.rpartition(".")[2].lower()


def _names_splits(values: Sequence[Any]) -> bool:
    names = _split_names(values)
    return None not in names and {"train", "test"} <= names


def _may_name_splits(name: str, values: Sequence[Any]) -> bool:
    """Return whether a column names splits, be it that some have other names or that there is no test split."""
    return _names_splits(values) or (name.lower() == "split" and "train" in _split_names(values))


def _split_names(values: Sequence[Any]) -> set[str | None]:
    return {SPLIT_NAMES.get(value.lower()) for value in _values(values)}


def _values(values: Sequence[Any]) -> Counter[str]:
    return Counter(label for value in values if (label := label_of(value)) is not None)


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(is_number(value) for value in _values(values))


def _can_be_classes(values: Sequence[Any]) -> bool:
    counts = _values(values)
    return 2 <= len(counts) <= min(MOST_CLASSES, counts.total() / FEWEST_ROWS_A_CLASS)


def is_quantity(values: Sequence[Any]) -> bool:
    """Return whether a column holds numbers, too many different ones to be classes."""
    return not _can_be_classes(values) and len(_values(values)) > 1 and _are_numbers(values)


def _check_label(table: RawTable, name: str, *, named: bool) -> None:
    """Refuse a label column that cannot be learned.

    Args:
        named: Whether the user chose the column, which may then have many classes: words, or whole numbers.
    """
    values = table.column(name)
    refuse_objects(table.source, name, values)
    if look_like_label_sets(values):
        return
    counts = _values(values)
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
    numbers = _are_numbers(values)
    large = sum(count >= _FEWEST_TEXTS for count in counts.values())
    codes = all(label.isdecimal() for label in counts)  # or ids, as the numbers of a regression seldom are
    many_but_named = named and (codes or not numbers) and large > 1 and 2 * large > len(counts)
    if not _can_be_classes(values) and not many_but_named:
        raise UserError(
            f"Column {name!r} of {table.source} has {len(counts):,} different values in {counts.total():,} rows: too "
            "many to be classes" + (", and they are numbers, which is a regression task." if numbers else "."),
            "bakeoff learns classes. Add a column that groups the values (such as low, middle, high), or name another "
            "column: --label COLUMN",
        )
