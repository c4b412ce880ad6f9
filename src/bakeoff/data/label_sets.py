"""Read the labels of texts that can have several, or none: lists, cells with a separator, columns of 0 and 1."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bakeoff.data.cells import label_of
from bakeoff.data.config import LabelFormat
from bakeoff.errors import UserError

_SEPARATORS = (",", ";", "|")
_FEWEST_ROWS = 2
_TRUTH = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
_LISTED = 10
_ITEM = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[-+]?\d+(?:\.\d*)?)"""
_ARRAY = re.compile(rf"\[\s*{_ITEM}(?:\s+{_ITEM})*\s*\]")  # numpy writes blanks between labels, and no commas


@dataclass(frozen=True)
class LabelSets:
    """The labels of every row of a table."""

    names: list[str]  # sorted, or in the order of the columns
    rows: list[frozenset[str] | None]  # None: it is not known which labels the row has
    note: str  # how they were read


def read_label_sets(
    source: str,
    columns: Sequence[str],
    values: Sequence[Sequence[Any]],
    row_names: Sequence[str],
    format: LabelFormat,
    unlabeled: str | None,
) -> LabelSets | None:
    """Return the labels of a table whose texts can have several each, or None where every text has one.

    Args:
        columns: One column of labels, or a column of 0 and 1 for each label.
        values: The cells of each column.
        unlabeled: What marks rows whose labels are not known.

    Raises:
        UserError: cells are of another form; the message names a row.
    """

    def refusal(row: int, what: str, hint: str) -> UserError:
        return UserError(f"{source}, row {row_names[row]}: {what}", hint)

    if len(columns) > 1:
        return _from_columns(columns, values, format.threshold, unlabeled, refusal)
    (column,), (cells,) = columns, values
    refuse_objects(source, column, cells)
    if format.separator is not None:
        return _separated(source, column, cells, format.separator, unlabeled)
    lists = _lists(cells)
    several = any(found is not None and len(found) > 1 for found in lists)
    if any(found is not None for found in lists):
        for row, (cell, found) in enumerate(zip(cells, lists, strict=True)):
            is_odd = found is None and (several or _in_brackets(cell))
            if is_odd and label_of(cell) is not None and label_of(cell) != unlabeled:
                raise refusal(
                    row,
                    f"column {column!r} holds {str(cell)[:60]!r}, and lists of labels in other rows.",
                    "Write a list in every row, one of one label as well.",
                )
    if not several:
        _refuse_hidden_sets(column, cells, refusal)
        return None
    rows: list[frozenset[str] | None] = []
    for row, found in enumerate(lists):
        if found is not None and any(isinstance(label, dict | list) for label in found):
            raise refusal(
                row,
                f"the labels in column {column!r} are {str(cells[row])[:60]}.",
                "Labels are words, numbers or phrases.",
            )
        if isinstance(cells[row], str) and not cells[row].strip():
            rows.append(frozenset())  # an empty cell of a CSV; what is not known is null
        else:
            rows.append(None if found is None else _named(found, unlabeled))
    return LabelSets(_names(rows), rows, f"Column {column!r} holds lists: a text can have several labels.")


def refuse_objects(source: str, column: str, cells: Sequence[Any]) -> None:
    """Refuse a column of labels that holds objects.

    Raises:
        UserError: it does.
    """
    for row, cell in enumerate(cells, start=1):
        if isinstance(cell, dict):
            raise UserError(
                f"{source}, row {row}: the label in column {column!r} is {str(cell)[:40]!r}.",
                "A label is one word, number or phrase; name a path inside the object: COLUMN.KEY",
            )


def look_like_label_sets(cells: Sequence[Any]) -> str | None:
    """Return how a column writes several labels of one text: `lists`, a separator, or None where each has one label."""
    if any(found is not None and len(found) > 1 for found in _lists(cells)):
        return "lists"
    counts = Counter(cell.strip() for cell in cells if isinstance(cell, str))
    return next((separator for separator in _SEPARATORS if _joined(counts, separator)), None)


def with_lists(cells: Sequence[Any]) -> list[Any]:
    """Return the cells of a column, those that spell out a list as that list."""
    return [cell if found is None else found for cell, found in zip(cells, _lists(cells), strict=True)]


def label_lists(cells: Sequence[Any], label_names: Sequence[str]) -> list[list[str] | None]:
    """Return the labels of each cell: a list, spelled out or not, or labels with a comma, semicolon or bar between.

    None where it is not known which labels there are.
    """
    found: list[list[str] | None] = []
    for cell, listed in zip(cells, _lists(cells), strict=True):
        if listed is not None:
            found.append([name for label in listed if (name := label_of(label)) is not None])
            continue
        whole = label_of(cell)
        if whole is None or whole in label_names:
            found.append(None if whole is None and cell is None else [whole] if whole else [])
            continue
        separator = next((each for each in _SEPARATORS if each in whole), None)
        parts = [whole] if separator is None else whole.split(separator)
        found.append([name for part in parts if (name := label_of(part)) is not None])
    return found


def _separated(source: str, column: str, cells: Sequence[Any], separator: str, unlabeled: str | None) -> LabelSets:
    rows = [None if cell is None else _named(str(cell).split(separator), unlabeled) for cell in cells]
    if not any(row is not None and len(row) > 1 for row in rows):
        raise UserError(
            f"{source}: no cell of column {column!r} has labels separated by {separator!r}.",
            "Check data.labels.separator, or leave it out where every text has one label.",
        )
    return LabelSets(_names(rows), rows, f"Labels in column {column!r} are separated by {separator!r}.")


def _from_columns(
    columns: Sequence[str],
    values: Sequence[Sequence[Any]],
    threshold: float,
    unlabeled: str | None,
    refusal: Callable[[int, str, str], UserError],
) -> LabelSets:
    rows: list[frozenset[str] | None] = []
    soft: set[str] = set()
    for row, cells in enumerate(zip(*values, strict=True)):
        labels: set[str] | None = set()
        for column, cell in zip(columns, cells, strict=True):
            name = label_of(cell)
            if name is None or name == unlabeled:
                labels = None
                break
            number = _share(name)
            if number is None:
                raise refusal(
                    row,
                    f"column {column!r} holds {name[:40]!r}; a column of one label holds 0 or 1, or a number between.",
                    "To learn one column of labels, name it alone. If the value marks rows without labels, give it as "
                    "data.unlabeled.",
                )
            if 0 < number < 1:
                soft.add(column)
            if number >= threshold and labels is not None:
                labels.add(column)
        rows.append(None if labels is None else frozenset(labels))
    note = f"{len(columns)} columns are labels: a text can have several."
    if soft:
        note += f" From {threshold:g} on, a text has the label ({_listed([name for name in columns if name in soft])})."
    return LabelSets(list(columns), rows, note)


def is_yes_or_no(name: str) -> bool:
    """Return whether a cell of a column of one label says that a text has it, or has it not, and no share of people."""
    return _share(name) in (0, 1)


def _share(name: str) -> float | None:
    """Return a number between 0 and 1, or None if it is something else."""
    if name.lower() in _TRUTH:
        return _TRUTH[name.lower()]
    try:
        number = float(name)
    except ValueError:
        return None
    return number if 0 <= number <= 1 else None


def _lists(cells: Sequence[Any]) -> list[list[Any] | None]:
    """Return the cells that are lists; also those that spell out one, as pandas and numpy write them into a CSV."""
    found = [cell if isinstance(cell, list) else None for cell in cells]
    if not _in_brackets(next((cell for cell in cells if isinstance(cell, str) and cell.strip()), None)):
        return found
    for row, cell in enumerate(cells):
        if isinstance(cell, str) and cell.strip():
            found[row] = _spelled_out(cell.strip())
    return found


def _in_brackets(cell: Any) -> bool:
    return isinstance(cell, str) and cell.strip().startswith("[") and cell.strip().endswith("]")


def _spelled_out(cell: str) -> list[Any] | None:
    if _ARRAY.fullmatch(cell):
        # Python would join the strings: 'news' 'war' is one.
        cell = f"[{', '.join(re.findall(_ITEM, cell))}]"
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return value if isinstance(value, list) else None
    return None


def _named(labels: Sequence[Any], unlabeled: str | None) -> frozenset[str] | None:
    names = frozenset(name for label in labels if (name := label_of(label)) is not None)
    return None if names == {unlabeled} else names


def _names(rows: Sequence[frozenset[str] | None]) -> list[str]:
    return sorted({name for row in rows if row is not None for name in row})


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:_LISTED])) + (", ..." if len(names) > _LISTED else "")


def _refuse_hidden_sets(column: str, cells: Sequence[Any], refusal: Callable[[int, str, str], UserError]) -> None:
    """Refuse labels such as `a,b` where `a` and `b` are labels, too."""
    counts = Counter(cell.strip() for cell in cells if isinstance(cell, str))
    for separator in _SEPARATORS:
        if joined := _joined(counts, separator):
            row = next(row for row, cell in enumerate(cells) if str(cell).strip() == joined)
            number = sum(count for cell, count in counts.items() if separator in cell)
            raise refusal(
                row,
                f"the label {joined!r} in column {column!r} is several labels at once, as in {number:,} rows.",
                f"If so, say what separates them: --set 'data.labels.separator=\"{separator}\"'. If {joined!r} is one "
                f"class, write it without {separator!r}.",
            )


def _joined(counts: Counter[str], separator: str) -> str | None:
    """Return a label whose parts are labels, too: each is part of two labels or more, and one also stands alone."""
    parts_of = {label: [part.strip() for part in label.split(separator)] for label in counts if separator in label}
    labels_with = Counter(part for parts in parts_of.values() for part in set(parts))
    labels_with.update(label for label in counts if separator not in label)
    for label, parts in parts_of.items():
        alone = any(counts[part] >= _FEWEST_ROWS for part in parts)
        if alone and len(set(parts)) > 1 and all(part and labels_with[part] > 1 for part in parts):
            return label
    return None
