"""Which column is the text and which the label, and what their values mean."""

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
    """The column that was asked for, or the first usual name among the columns (in any case of letters).

    Args:
        key: What to set in the config, e.g. `data.text`.

    Raises:
        UserError: there is none; the message names the columns that are there.
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
    what = key.rpartition(".")[2]
    raise UserError(
        f"None of the columns of {table.source} has a usual name of a {what} column; they are {names}.",
        f"Say which one it is: --set {key}=NAME",
    )


def choose_text_columns(table: RawTable, wanted: str | Sequence[str] | None, key: str) -> list[str]:
    """The columns of the texts: those that were asked for, or the one with a usual name; errors of `choose_column`."""
    names = [wanted] if wanted is None or isinstance(wanted, str) else wanted
    return [choose_column(table, name, TEXT_NAMES, key) for name in names]


def row_texts(table: RawTable, columns: Sequence[str]) -> list[str | None]:
    """The text of every row: its usable cells with a blank line between them, or None where there are none."""
    cells = zip(*(table.columns[column] for column in columns), strict=True)
    return ["\n\n".join(text for cell in row if (text := text_of(cell)) is not None) or None for row in cells]


def row_names(table: RawTable) -> list[str]:
    """The file's own ids where they name every row and no row twice, otherwise the number of the row, from 1."""
    own = next((values for name, values in table.columns.items() if name.lower() == "id"), [])
    names = [str(value) for value in own if value is not None and value != ""]
    if names and len(names) == len(table) == len(set(names)):
        return names
    return [str(number) for number in range(1, len(table) + 1)]


def text_of(value: Any) -> str | None:
    """A usable text, or None where there is none (empty, missing, or not Unicode)."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    text = str(value)
    return text if text.strip() and _is_unicode(text) else None


def label_of(value: Any) -> str | None:
    """The name of a label, or None where it is missing. Whole numbers lose their `.0`, which pandas likes to add."""
    if value is None:
        return None
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else str(value)
    name = str(value).strip()
    return None if name.lower() in ("", "nan") or not _is_unicode(name) else name


def look_alikes(labels: Sequence[str]) -> list[list[str]]:
    """Labels that differ in nothing but case and white space, in groups."""
    groups: dict[str, list[str]] = {}
    for label in labels:
        groups.setdefault(" ".join(label.casefold().split()), []).append(label)
    return [group for group in groups.values() if len(group) > 1]


def _is_unicode(text: str) -> bool:
    """JSON can hold half of a surrogate pair, which no UTF-8 file can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
