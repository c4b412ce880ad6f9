"""Read tables in JSON: one object a line, an array of objects, or an object that holds one of these."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bakeoff.data.reading import Reading
from bakeoff.errors import UserError

_EXAMPLE = 'such as {"text": "A fine film", "label": "positive"}.'


def read_json(text: str, name: str) -> Reading:
    """Return the columns of a JSON file.

    It is an array of objects, one object a line, one object with columns (`{"text": [...], "label": [...]}`), or one
    object in which exactly one key holds an array of objects.

    Raises:
        UserError: it is none of these; the message gives the line.
    """
    start = text.lstrip()[:1]
    if start not in ("{", "["):
        return read_json_lines(text, name)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if start == "{" and error.msg == "Extra data":
            return read_json_lines(text, name)
        raise UserError(
            f"{name} is malformed: line {error.lineno}, column {error.colno}: {error.msg}.",
            "A .json file holds an array of objects, " + _EXAMPLE,
        ) from None
    except (ValueError, RecursionError) as error:
        raise _beyond_limits(name, error) from None
    if isinstance(value, list):
        return Reading(_columns_of(value, name))
    if columns := _as_columns(value):
        return Reading(columns)
    arrays = [key for key, rows in value.items() if isinstance(rows, list) and rows and _are_objects(rows)]
    if len(arrays) == 1:
        note = f"The rows are those of the key {arrays[0]!r}."
        return Reading(_columns_of(value[arrays[0]], name), [note])
    if not arrays and "\n" not in text.strip():
        return Reading(_columns_of([value], name))
    raise UserError(
        f"{name} is one object with the keys {', '.join(value)}, not an array of objects.",
        "Write an array of objects, " + _EXAMPLE,
    )


def read_json_lines(text: str, name: str) -> Reading:
    """Return the columns of a file with one JSON object a line; blank lines are skipped. An array is read, too.

    Raises:
        UserError: a line is no object; the message gives its number.
    """
    if text.lstrip().startswith("["):
        return read_json(text, name)
    return Reading(columns_of_rows(list(json_rows(text.split("\n"), name))))


def json_rows(lines: Iterable[str], name: str) -> Iterator[dict[str, Any]]:
    """Yield the object of each line that is not blank.

    Raises:
        UserError: a line is no object; the message gives its number.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(
                f"{name} is malformed: line {number}, column {error.colno}: {error.msg}.",
                "Each line must be one JSON object.",
            ) from None
        except (ValueError, RecursionError) as error:
            raise _beyond_limits(f"{name}, line {number}", error) from None
        if not isinstance(row, dict):
            raise UserError(
                f"{name} is malformed: line {number} holds {json.dumps(row)[:40]}, which is not an object.",
                "Each line must be one JSON object, " + _EXAMPLE,
            )
        yield row


def _beyond_limits(where: str, error: Exception) -> UserError:
    """Return the error for brackets in a thousand others, and for numbers of thousands of digits."""
    what = "its values are nested too deeply" if isinstance(error, RecursionError) else "a number has too many digits"
    return UserError(f"{where} cannot be read: {what}.", "Write numbers that long as strings, and flat objects.")


def _columns_of(rows: list[Any], name: str) -> dict[str, list[Any]]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise UserError(
                f"{name} is malformed: element {number} is {json.dumps(row)[:40]}, which is not an object.",
                "Each element of the array must be one object, " + _EXAMPLE,
            )
    return columns_of_rows(rows)


def columns_of_rows(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return the columns of objects, in the order in which their keys first occur; None where an object lacks one."""
    names = dict.fromkeys(column for row in rows for column in row)
    return {column: [row.get(column) for row in rows] for column in names}


def _are_objects(values: list[Any]) -> bool:
    return all(isinstance(value, dict) for value in values)


def _as_columns(value: dict[str, Any]) -> dict[str, list[Any]] | None:
    """Return the columns of an object that holds lists of one length, or, as pandas writes, rows by their numbers."""
    columns = list(value.values())
    if len(columns) > 1 and all(isinstance(cells, dict) and cells for cells in columns):
        keys = list(columns[0])
        if all(list(cells) == keys for cells in columns) and all(key.isdigit() for key in keys):
            return {name: list(cells.values()) for name, cells in value.items()}
        return None
    lists = [cells for cells in columns if isinstance(cells, list) and not any(isinstance(c, dict) for c in cells)]
    same_length = len({len(cells) for cells in lists}) == 1 and len(lists) == len(columns)
    return value if same_length and lists[0] else None
