"""Data sets on the Hugging Face hub, or in its cache, through the datasets library."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import datasets
import huggingface_hub

from bakeoff.errors import UserError

_PROBE_SECONDS = 5.0


def load_table(name: str) -> dict[str, list[Any]]:
    """All labeled splits of a data set, one below the other, with a column `split`; class numbers become names."""
    columns: dict[str, list[Any]] = {}
    loaded = _load(name, None, "data.table")
    for side, split in loaded.items():
        rows = {column: _named(split, column) for column in split.column_names}
        rows.setdefault("id", [f"{side}-{number}" for number in range(1, len(split) + 1)])
        rows["split"] = [side] * len(split)
        missing = set(columns) ^ set(rows) if columns else set()
        if missing:
            raise UserError(
                f"The splits of {name} have different columns ({', '.join(sorted(missing))} is not in all of them).",
                "Save the split that you want as a .parquet or .csv file and give that.",
            )
        for column, values in rows.items():
            columns.setdefault(column, []).extend(values)
    return columns


def load_texts(name: str, config: str | None, column: str) -> dict[str, list[Any]]:
    """The rows of one column, by split (`train`, `validation`, `test` or whatever the data set has)."""
    loaded = _load(name, config, "data.text")
    for side, split in loaded.items():
        if column not in split.column_names:
            raise UserError(
                f"{name}, split {side}, has no column {column!r}; it has {', '.join(split.column_names)}.",
                "Name the column of the texts with data.column.",
            )
    return {side: list(split[column]) for side, split in loaded.items()}


def _load(name: str, config: str | None, key: str) -> Any:
    hint = (
        f"Point {key} at a local copy (--set {key}=PATH), or put the data set into the hub's cache "
        f"while the machine is connected."
    )
    try:
        with _offline_if_the_hub_does_not_answer():
            loaded = datasets.load_dataset(name, config)
    except datasets.exceptions.DatasetNotFoundError:
        raise UserError(
            f"The data set {name!r} is neither a local file nor on the hub (or it is not public).", hint
        ) from None
    except (ConnectionError, TimeoutError):
        raise UserError(f"The data set {name!r} is missing here, and the hub cannot be reached.", hint) from None
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"The data set {name!r} cannot be loaded: {reason}", hint) from None
    return loaded


@contextlib.contextmanager
def _offline_if_the_hub_does_not_answer() -> Iterator[None]:
    """Without a connection datasets would try again for half a minute before it looks into its cache."""
    before = datasets.config.HF_HUB_OFFLINE
    try:
        if not before:
            huggingface_hub.get_session().head(huggingface_hub.constants.ENDPOINT, timeout=_PROBE_SECONDS)
    except Exception:  # the HTTP library's own classes, which huggingface_hub changes from version to version
        datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before


def _named(split: Any, column: str) -> list[Any]:
    feature = split.features[column]
    if isinstance(feature, datasets.ClassLabel):
        # -1 is how data sets mark rows without a label, such as IMDB's unsupervised ones.
        return [feature.names[value] if value is not None and value >= 0 else None for value in split[column]]
    return list(split[column])
