"""Tell whether the first row of a file is a header, and mend rows that are longer than it."""

from __future__ import annotations

from bakeoff.data.dialects import MalformedError, Record, holds_classes
from bakeoff.data.reading import row_count

USUAL_NAMES = {
    *("text", "review", "sentence", "content", "comment", "body", "tweet", "message", "document", "title", "id"),
    *("label", "sentiment", "class", "category", "target", "labels", "polarity", "opinion", "rating", "stars"),
    *("split", "name", "date", "author", "score", "source", "index", "type", "topic", "language"),
}
_LONGEST_NAME = 40  # characters
_MOST_WORDS = 3
_FEWEST_ROWS = 4


def has_header(records: list[Record]) -> bool:
    """Return whether the first row holds the names of the columns.

    It does if one of them is a usual name, which is no class. It does not if one of its values is a class, which occurs
    in other rows of the same column, or if it holds a number in a column of numbers and nothing that can be a name.
    """
    first = records[0].fields if records else []
    rows = [record.fields for record in records[1:] if record.fields != first]
    if len(rows) < _FEWEST_ROWS:
        return True
    usual = (number for number, cell in enumerate(first) if cell.strip().lower() in USUAL_NAMES)
    if any(not _is_a_class(first[number], [row[number] for row in rows]) for number in usual):
        return True
    columns = [list(cells) for cells in zip(*rows, strict=True)]
    for cell, values in zip(first, columns, strict=True):
        if cell.strip() and cell in values and holds_classes(values):
            return False
    numbers = len(first) > 1 and any(
        is_number(cell) and all(is_number(value) for value in values if value.strip())
        for cell, values in zip(first, columns, strict=True)
    )
    return not numbers or any(_can_be_a_name(cell) for cell in first)


def _is_a_class(cell: str, values: list[str]) -> bool:
    """Return whether a usual name is one of the classes of its column: a column is called `date`, and so is a class."""
    return values.count(cell) >= 2 and holds_classes(values)


def fit_to_header(records: list[Record], separator: str, *, enough: int) -> tuple[list[Record], list[str]]:
    """Shorten rows that have more fields than the header, where that is safe.

    Empty fields at the end are dropped. Other fields are joined to the last column if that is the text: the columns
    before it hold at most a word, and the values of one of them repeat as labels do.

    Args:
        enough: Fewest rows in which repeated values mean anything.

    Returns:
        The rows, and sentences that say what was done with how many of them.

    Raises:
        MalformedError: a row is too short, or too long in another way.
    """
    header, rows = records[0], records[1:]
    width = len(header.fields)
    long = [row for row in rows if len(row.fields) > width]
    if not long or any(len(row.fields) < width for row in rows):
        raise MalformedError("a row is too short")
    with_empty = [row for row in long if not any(cell.strip() for cell in row.fields[width:])]
    if len(with_empty) < len(long) and not _last_column_is_the_text(rows, width, enough):
        raise MalformedError("the surplus separators may belong to any column")
    empty = {row.line for row in with_empty}
    fitted = [header]
    for row in rows:
        last = row.fields[width - 1] if row.line in empty else separator.join(row.fields[width - 1 :])
        fitted.append(Record(row.line, [*row.fields[: width - 1], last]))
    notes = []
    if with_empty:
        notes.append(
            f"{row_count(len(with_empty), 'row ends', 'rows end')} with more separators than the header has; the empty "
            "fields behind them were dropped."
        )
    if joined := len(long) - len(with_empty):
        notes.append(
            f"{row_count(joined)} more separators than the header, without quotes; they were taken as part of the last "
            f"column, {header.fields[-1].strip()!r}."
        )
    return fitted, notes


def _last_column_is_the_text(rows: list[Record], width: int, enough: int) -> bool:
    leading = [[row.fields[column] for row in rows] for column in range(width - 1)]
    if len(rows) < enough or any(sum(len(cell.split()) for cell in cells) > 1.5 * len(cells) for cells in leading):
        return False
    return any(holds_classes(cells) for cells in leading)


def is_number(text: str) -> bool:
    """Return whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _can_be_a_name(cell: str) -> bool:
    name = cell.strip()
    return bool(name) and not is_number(name) and len(name) <= _LONGEST_NAME and len(name.split()) <= _MOST_WORDS
