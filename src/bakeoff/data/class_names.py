"""The names of classes in the features of the datasets library, of which tables hold the ids, alone or in lists."""

from __future__ import annotations

from typing import Any

_LISTS = ("List", "LargeList", "Sequence")


def names_of(feature: Any) -> list[str] | None:
    """Return the names of the classes in a column, or None if it holds something else.

    Args:
        feature: The column's, as an object of the datasets library or as a file stores it.
    """
    if isinstance(feature, list):  # as older versions write it
        return names_of(feature[0]) if len(feature) == 1 else None
    if not isinstance(feature, dict):
        inner, names = getattr(feature, "feature", None), getattr(feature, "names", None)
    else:
        inner = feature.get("feature") if feature.get("_type") in _LISTS else None
        names = feature.get("names") if feature.get("_type") == "ClassLabel" else None
    if inner is not None:
        return names_of(inner)
    return names if isinstance(names, list) and names else None


def named(value: Any, names: list[str]) -> Any:
    """Return the name of a class id, or the names in a list. Data sets mark rows without a label with -1."""
    if isinstance(value, list):
        return [named(each, names) for each in value]
    return names[value] if value is not None and 0 <= value < len(names) else None
