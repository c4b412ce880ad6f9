"""Choose the text and label columns of a table, and normalize their values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bakeoff.data.raw_tables import RawTable
from bakeoff.errors import UserError
from bakeoff.spelling import nearest

TEXT_NAMES = ("text", "review", "sentence", "content", "comment", "body", "tweet", "message", "document", "title")
LABEL_NAMES = ("label", "sentiment", "class", "category", "target", "labels", "polarity", "opinion", "rating", "stars")


def choose_column(table: RawTable, wanted: str | None, usual: tuple[str, ...], key: str) -> str:
    """Return the requested column, or the first column with one of the usual names (case-insensitive).

    Args:
        key: The config key to set, e.g. `data.text`, for messages.

    Raises:
        UserError: there is no such column; the message lists the columns of the table.
    """
    names = ", ".join(table.columns)
    if wanted is not None:
        if wanted in table.columns:
            return wanted
        near = nearest(wanted, table.columns)
        raise UserError(
            f"{table.source} has no column {wanted!r}; it has {names}.",
            f"Did you mean {near!r}? " * bool(near) + f"Set {key} to one of them.",
        )
    by_lower_case = {name.lower(): name for name in table.columns}
    for name in usual:
        if name in by_lower_case:
            return by_lower_case[name]
    role = key.rpartition(".")[2]
    raise UserError(
        f"No column of {table.source} has a usual name of a {role} column; its columns are {names}.",
        f"Name the {role} column: --set {key}=NAME",
    )


def choose_text_columns(table: RawTable, wanted: str | Sequence[str] | None, key: str) -> list[str]:
    """Return the requested text columns, or the one with a usual name. Raises as `choose_column` does."""
    names = [wanted] if wanted is None or isinstance(wanted, str) else wanted
    return [choose_column(table, name, TEXT_NAMES, key) for name in names]


def row_texts(table: RawTable, columns: Sequence[str]) -> list[str | None]:
    """Return the text of every row: its usable cells joined by a blank line, or None where there are none."""
    cells = zip(*(table.columns[column] for column in columns), strict=True)
    return ["\n\n".join(text for cell in row if (text := text_of(cell)) is not None) or None for row in cells]


def row_names(table: RawTable) -> list[str]:
    """Return the file's own ids if every row has one and all differ, otherwise the row numbers, from 1."""
    own = next((values for name, values in table.columns.items() if name.lower() == "id"), [])
    names = [str(value) for value in own if value is not None and value != ""]
    if names and len(names) == len(table) == len(set(names)):
        return names
    return [str(number) for number in range(1, len(table) + 1)]


def text_of(value: Any) -> str | None:
    """Return the value as text, or None if it is empty, missing or not valid Unicode."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    text = str(value)
    return text if text.strip() and _is_unicode(text) else None


def label_of(value: Any) -> str | None:
    """Return the name of a label, or None if it is missing. Whole numbers lose the `.0` that pandas often adds."""
    if value is None:
        return None
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else str(value)
    name = str(value).strip()
    return None if name.lower() in ("", "nan") or not _is_unicode(name) else name


def look_alikes(labels: Sequence[str]) -> list[list[str]]:
    """Group the labels that differ only in case and white space."""
    groups: dict[str, list[str]] = {}
    for label in labels:
        groups.setdefault(" ".join(label.casefold().split()), []).append(label)
    return [group for group in groups.values() if len(group) > 1]


def _is_unicode(text: str) -> bool:
    """Return False for half of a surrogate pair, which JSON can hold but UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
