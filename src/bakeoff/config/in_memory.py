"""Configs from Python whose `data` holds tables themselves in place of the names of files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.config.load import load_config
from bakeoff.config.paths import with_value
from bakeoff.data.frames import is_splits, to_arrow
from bakeoff.data.split_rules import SPLIT_NAMES
from bakeoff.errors import UserError
from bakeoff.sections import Section

_SPLIT_KEYS = ("train", "validation", "test")
_WHOLE = {"classification": "table", "language-model": "text"}
"""The key of `data`, by task, that names all splits at once."""


def load_with_tables(
    source: str | Path | Mapping[str, Any] | BakeoffConfig, overrides: Sequence[str] = ()
) -> tuple[BakeoffConfig, dict[str, pa.Table]]:
    """Load and check a config that may hold tables.

    Args:
        source: As of `load_config`, or a checked config.
        overrides: Assignments such as `contestants.lstm.hidden_size=256`.

    Returns:
        The config, and the tables by the key of `data` that held them. Until `with_files` gives it the files where
        they are stored, the config names files that do not exist.

    Raises:
        UserError: the config is wrong, or what it holds is no table.
    """
    if isinstance(source, Section):
        return source, {}
    if not isinstance(source, Mapping) or not isinstance(source.get("data"), Mapping):
        return load_config(source, overrides), {}
    data, tables = take_tables(source["data"], str(source.get("task")))
    config = load_config({**source, "data": data}, overrides)
    return config, {key: table for key, table in tables.items() if getattr(config.data, key) == data[key]}


def take_tables(data: Mapping[str, Any], task: str) -> tuple[dict[str, Any], dict[str, pa.Table]]:
    """Return the section `data` with names of files in place of its tables, and the tables by key.

    A `datasets.DatasetDict`, or a dict of tables by split, becomes `train`, `validation` and `test`.

    Raises:
        UserError: a value is no table, or a split has an unknown name.
    """
    values, tables = dict(data), {}
    if (whole := _WHOLE.get(task)) is None:
        return values, {}
    if "examples" in values:
        whole = "examples"
    if is_splits(values.get(whole)):
        parts = _by_split(values.pop(whole), whole)
        if twice := sorted(parts.keys() & values.keys()):
            raise UserError(f"data.{whole} holds several splits, so data.{twice[0]} cannot be given, too.")
        values |= parts
    for key in (whole, *_SPLIT_KEYS):
        value = values.get(key)
        if isinstance(value, os.PathLike):
            values[key] = os.fspath(value)
        elif value is not None and not isinstance(value, str | int | float) and not _are_names(value):
            tables[key] = to_arrow(value, f"data.{key}")
            values[key] = f"{key}.parquet"
    return values, tables


def with_files(config: BakeoffConfig, files: Mapping[str, Path]) -> BakeoffConfig:
    """Return the config with the files of its tables, by key of `data`."""
    for key, file in files.items():
        config = with_value(config, ["data", key], str(file))
    return config


@contextlib.contextmanager
def named_by_key(files: Mapping[str, Path]) -> Iterator[None]:
    """Let errors call the tables by their key, `data.table`, rather than by files that the user has not written."""
    try:
        yield
    except UserError as error:
        message, hint = error.message, error.hint
        for key, file in files.items():
            message, hint = message.replace(str(file), f"data.{key}"), hint.replace(str(file), f"data.{key}")
        raise UserError(message, hint) from error


def _are_names(value: Any) -> bool:
    """Return whether a value is a list of names of files."""
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value)


def _by_split(splits: Mapping[str, Any], whole: str) -> dict[str, Any]:
    """Return tables by our names of their splits; a single one is the whole."""
    if len(splits) == 1:
        return {whole: next(iter(splits.values()))}
    parts: dict[str, Any] = {}
    for name, table in splits.items():
        split = SPLIT_NAMES.get(str(name).lower())
        if split is None or split in parts:
            problem = "is not the name of a split" if split is None else f"is a second {split} split"
            raise UserError(
                f"data.{whole}: {name!r} {problem}; it holds {', '.join(map(repr, splits))}.",
                "Give those to use: {'train': d['train'], 'validation': d['validation'], 'test': d['test']}",
            )
        parts[split] = table
    if "train" not in parts:
        raise UserError(f"data.{whole} has no training split; it holds {', '.join(map(repr, splits))}.")
    return parts
