"""Recognize tables whose rows have several labels at once, which cannot be learned yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from bakeoff.errors import UserError

NOT_YET = "Multi-label classification is not supported yet"
_SEPARATORS = (",", ";", "|")
_FEWEST_ROWS = 2


def refuse_several_labels(source: str, column: str, values: Sequence[Any], row_names: Sequence[str]) -> None:
    """Refuse a column of labels with several labels in one cell: a list, or `a,b` where `a` and `b` are labels.

    Raises:
        UserError: the message names a row.
    """
    for name, value in zip(row_names, values, strict=True):
        if isinstance(value, dict):
            raise UserError(
                f"{source}, row {name}: the label in column {column!r} is {str(value)[:40]!r}.",
                "A label is one word, number or phrase; name a path inside the object: COLUMN.KEY",
            )
        if isinstance(value, list) and len(value) > 1:
            raise UserError(
                f"{source}, row {name}: column {column!r} holds {len(value)} labels, {str(value)[:60]}. {NOT_YET}.",
                "Keep one label in each row, or make a column of 0 and 1 for one of the labels.",
            )
    cells = [value.strip() for value in values if isinstance(value, str)]
    for separator in _SEPARATORS:
        if joined := _joined(Counter(cells), separator):
            row = next(name for name, value in zip(row_names, values, strict=True) if str(value).strip() == joined)
            count = sum(separator in cell for cell in cells)
            raise UserError(
                f"{source}, row {row}: the label {joined!r} in column {column!r} is several labels at once, as in "
                f"{count:,} rows. {NOT_YET}.",
                f"Keep one label in each row; if {joined!r} is one class, write it without {separator!r}.",
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
