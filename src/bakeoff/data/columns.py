"""Choose the text and label columns of a table, and collect their values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from bakeoff.data.cells import NotTextError, is_unicode, text_of
from bakeoff.data.nested import leaves, rows_with_more
from bakeoff.data.raw_tables import RawTable
from bakeoff.data.reading import Counts, counted_notes
from bakeoff.errors import UserError
from bakeoff.spelling import nearest

TEXT_NAMES = ("text", "review", "sentence", "content", "comment", "body", "tweet", "message", "document", "title")
LABEL_NAMES = ("label", "sentiment", "class", "category", "target", "labels", "polarity", "opinion", "rating", "stars")

_LISTED = 40


def listed(names: Sequence[str]) -> str:
    """Return the names of columns for a message, which a wide table would flood."""
    return ", ".join(names[:_LISTED]) + ", ..." * (len(names) > _LISTED)


def choose_column(table: RawTable, wanted: str | None, usual: tuple[str, ...], key: str, role: str = "text") -> str:
    """Return the requested column, or the first column with one of the usual names (case-insensitive).

    A column inside nested objects is a dotted path, such as `annotations.0.label`.

    Args:
        key: The config key or option to set, e.g. `data.text` or `--column`, for messages; or words that name it.
        role: What the column holds, for messages.

    Raises:
        UserError: there is no such column; the message lists the columns of the table.
    """
    names = listed(leaves(table.columns))
    if wanted is not None:
        if table.has_column(wanted):
            return wanted
        near = nearest(wanted, [*table.columns, *leaves(table.columns)])
        raise UserError(
            f"{table.source} has no column {wanted!r}; it has {names}.",
            f"Did you mean {near!r}? " * bool(near) + f"Set {key} to one of them.",
        )
    by_lower_case = {name.lower(): name for name in table.columns}
    for name in usual:
        if name in by_lower_case:
            return by_lower_case[name]
    option = f": {key} NAME" if key.startswith("--") else f" with {key}." if " " in key else f": --set {key}=NAME"
    raise UserError(
        f"No column of {table.source} has a usual name for {role}s; its columns are {names}.",
        f"Name the {role} column{option}",
    )


def choose_text_columns(table: RawTable, wanted: str | Sequence[str] | None, key: str) -> list[str]:
    """Return the requested text columns, or the one with a usual name. Raises as `choose_column` does."""
    names = [wanted] if wanted is None or isinstance(wanted, str) else wanted
    return [choose_column(table, name, TEXT_NAMES, key) for name in names]


def row_texts(table: RawTable, columns: Sequence[str]) -> list[str | None]:
    """Return the text of every row: its usable cells joined by a blank line, or None where there are none.

    Raises:
        UserError: a cell holds something else than text; the message names the row.
    """
    cells = zip(*(table.column(column) for column in columns), strict=True)
    texts: list[str | None] = []
    for number, row in enumerate(cells):
        try:
            texts.append("\n\n".join(text for cell in row if (text := text_of(cell)) is not None) or None)
        except NotTextError as error:
            paths = [path for path in leaves(table.columns) if path.startswith(tuple(f"{name}." for name in columns))]
            raise UserError(
                f"{table.source}, row {row_names(table)[number]}: the text in column {' or '.join(map(repr, columns))} "
                f"is {error.what}: {error.shown()}.",
                f"Name a path inside it: {listed(paths)}." if paths else "Name a column of texts.",
            ) from None
    return texts


def text_notes(table: RawTable, columns: Sequence[str]) -> list[str]:
    """Return sentences about the cells of text columns that were not plain strings, and how many there are."""
    return counted_notes(text_counts(table, columns))


def text_counts(table: RawTable, columns: Sequence[str]) -> Counts:
    """Count the cells of text columns that were not plain strings."""
    counts: Counts = Counter()
    for column in columns:
        values = table.column(column)
        lists = sum(isinstance(value, list) for value in values)
        coded = sum(isinstance(value, bytes) for value in values)
        counts["", f" a list of strings in column {column!r}; they were joined with blanks."] = lists
        counts["", f" bytes in column {column!r}; they were decoded as UTF-8."] = coded
    return counts + path_counts(table, columns)


def path_counts(table: RawTable, columns: Sequence[str]) -> Counts:
    """Count the lists of which a dotted path reads only one element."""
    what = " more than one element in the list that {!r} reads; only that element is used."
    paths = [column for column in columns if column not in table.columns]
    return Counter({("", what.format(path)): rows_with_more(table.columns, path) for path in paths})


def path_notes(table: RawTable, columns: Sequence[str]) -> list[str]:
    """Return sentences about lists of which a dotted path reads only one element."""
    return counted_notes(path_counts(table, columns))


def row_names(table: RawTable) -> list[str]:
    """Return the file's own ids if every row has one and all differ, otherwise the row numbers, from 1."""
    own: list[Any] = next((values for name, values in table.columns.items() if name.lower() == "id"), [])
    names = [str(value) for value in own if value is not None and value != ""]
    if names and len(names) == len(table) == len(set(names)) and all(map(is_unicode, names)):
        return names
    return [str(number) for number in range(table.first_row, table.first_row + len(table))]


def look_alikes(labels: Sequence[str]) -> list[list[str]]:
    """Group the labels that differ only in case and white space."""
    groups: dict[str, list[str]] = {}
    for label in labels:
        groups.setdefault(" ".join(label.casefold().split()), []).append(label)
    return [group for group in groups.values() if len(group) > 1]
