"""Columns inside nested objects, named by dotted paths: `data.text`, `annotations.0.label`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_ROWS_LOOKED_AT = 200
_MOST_PATHS = 200  # inside one column
_DEEPEST = 6


def value_at(value: Any, parts: Sequence[str]) -> Any:
    """Return what lies at a path inside a cell, or None: the keys of objects, and positions in lists, from 0."""
    for part in parts:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit():
            value = value[int(part)] if int(part) < len(value) else None
        else:
            return None
    return value


def resolve(columns: Mapping[str, list[Any]], path: str) -> list[Any] | None:
    """Return the values at a dotted path, or None if no row has one."""
    for name in columns:
        if path.startswith(f"{name}."):
            parts = path[len(name) + 1 :].split(".")
            values = [value_at(cell, parts) for cell in columns[name]]
            if any(value is not None for value in values):
                return values
    return None


def leaves(columns: Mapping[str, list[Any]]) -> list[str]:
    """Return the names of the columns, with the paths inside where cells are objects or lists of objects."""
    found: dict[str, None] = {}
    for name, values in columns.items():
        cells = [value for value in values[:_ROWS_LOOKED_AT] if value is not None]
        inside = [path for cell in cells for path in _paths(cell, _DEEPEST)]
        paths = list(dict.fromkeys(inside or [""]))[:_MOST_PATHS]
        found.update(dict.fromkeys(f"{name}{path}" for path in paths))
    return list(found)


def rows_with_more(columns: Mapping[str, list[Any]], path: str) -> int:
    """Return how many rows have further elements in a list of which the path reads one."""
    for name in columns:
        if path.startswith(f"{name}."):
            parts = path[len(name) + 1 :].split(".")
            positions = [number for number, part in enumerate(parts) if part.isdigit()]
            lists = ((value_at(cell, parts[:number]) for number in positions) for cell in columns[name])
            return sum(any(isinstance(each, list) and len(each) > 1 for each in inside) for inside in lists)
    return 0


def _paths(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, dict) and depth:
        for key, inner in value.items():
            yield from (f".{key}{path}" for path in _paths(inner, depth - 1))
    elif isinstance(value, list) and value and isinstance(value[0], dict) and depth:
        yield from (f".0{path}" for path in _paths(value[0], depth - 1))
    elif value is not None:
        yield ""
