"""Load data sets from the Hugging Face hub, or its cache, with the datasets library."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub

from bakeoff.data.class_names import named, names_of
from bakeoff.errors import FormatError, UserError

_PROBE_SECONDS = 5.0


def load_table(name: str) -> dict[str, list[Any]]:
    """Concatenate the splits of a data set, with a column `split`. Class ids become names.

    Args:
        name: `name`, `owner/name`, `owner/name/configuration`, or `name/configuration` where no data set has the first
            two as owner and name.
    """
    columns: dict[str, list[Any]] = {}
    loaded = _load_with_configuration(name)
    for split_name, split in loaded.items():
        rows = {column: _values(split, column) for column in split.column_names}
        rows.setdefault("id", [f"{split_name}-{number}" for number in range(1, len(split) + 1)])
        rows["split"] = [split_name] * len(split)
        missing = set(columns) ^ set(rows) if columns else set()
        if missing:
            raise UserError(
                f"The splits of {name} have different columns ({', '.join(sorted(missing))} is not in all of them).",
                "Save the split that you want as a .parquet or .csv file, and set data.table to that file.",
            )
        for column, values in rows.items():
            columns.setdefault(column, []).extend(values)
    return columns


def _load_with_configuration(name: str) -> Any:
    if name.count("/") == 2:
        dataset, _, config = name.rpartition("/")
        return _load(dataset, config)
    try:
        return _load(name, None)
    except _NotFoundError:
        if "/" not in name:
            raise
        dataset, _, config = name.partition("/")
        with contextlib.suppress(_NotFoundError):
            return _load(dataset, config)
        raise


def load_texts(name: str, config: str | None, column: str) -> dict[str, list[Any]]:
    """Return the rows of one column, by split (`train`, `validation`, `test` or whatever the data set has)."""
    loaded = _load_with_configuration(name) if config is None else _load(name, config)
    for split_name, split in loaded.items():
        if column not in split.column_names:
            raise UserError(
                f"{name}, split {split_name}, has no column {column!r}; it has {', '.join(split.column_names)}.",
                "Name the column of the texts with data.column.",
            )
    return {split_name: list(split[column]) for split_name, split in loaded.items()}


class _NotFoundError(FormatError):
    """No data set of that name is on the hub, or in the cache."""


def _load(name: str, config: str | None) -> Any:
    files = sorted(str(file) for file in Path().glob(f"{name}.*") if file.suffix != ".yaml")
    mend = (
        f"Did you mean {' or '.join(files[:3])}? " * bool(files)
        + "Download the data set into the hub's cache while the machine is online"
    )
    settings = {
        "data": "name a local copy: --set data.text=PATH",
        "data.format": "name a local copy: --set data.table=PATH",
    }
    try:
        with _offline_if_the_hub_does_not_answer():
            loaded = datasets.load_dataset(name, config)
    except datasets.exceptions.DatasetNotFoundError:
        raise _NotFoundError(
            f"The data set {name!r} is neither a local file nor a public data set on the hub.", mend, settings
        ) from None
    except (ConnectionError, TimeoutError):
        raise _NotFoundError(
            f"The data set {name!r} is not in the cache, and the hub cannot be reached.", mend, settings
        ) from None
    except (datasets.exceptions.DatasetsError, ValueError, RuntimeError) as error:
        lines = [line for each in (error, error.__cause__ or "") for line in str(each).splitlines() if line.strip()]
        reason = ". ".join(line.strip().rstrip(".") for line in lines[:2]) or type(error).__name__
        if config is None and "config" in reason.lower():  # which says the names of the configurations
            mend = f"Name a configuration: {name}/CONFIGURATION"
        raise FormatError(f"The data set {name!r} cannot be loaded: {reason}", mend, settings) from None
    return loaded


@contextlib.contextmanager
def _offline_if_the_hub_does_not_answer() -> Iterator[None]:
    """Put datasets into offline mode if the hub does not answer; it would otherwise retry for half a minute."""
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


def _values(split: Any, column: str) -> list[Any]:
    """Return a column's values, with class ids replaced by class names."""
    names = names_of(split.features[column])
    return list(split[column]) if names is None else [named(value, names) for value in split[column]]
