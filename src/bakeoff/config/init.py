"""`bakeoff.init`: a first config for a file, or for a table from Python."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bakeoff.config.in_memory import named_by_key, take_tables
from bakeoff.config.starting import StartingConfig, starting_config
from bakeoff.errors import UserError
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.writing import write_new_text


def init(
    source: Any,
    output: str | Path | None = None,
    *,
    text: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    validation: Any = None,
    test: Any = None,
) -> StartingConfig:
    """Look at data and make a first config for them, as `bakeoff init` does.

    Args:
        source: A file, a hub id, or a table from Python: a data frame of pandas or polars, an Arrow table, a dataset
            (or a DatasetDict, whose splits are kept), a list of dicts, a dict of columns.
        output: The YAML file to write, with the tables from Python beside it as Parquet. If absent, nothing is
            written, and the `values` of the result hold the tables themselves.
        text: Column of the texts, or several that are joined. Detected by default.
        label: Column of the labels, or a column of 0 and 1 for each label. Detected by default.
        validation: Table of the validation split, where `source` has the training rows only.
        test: Table of the test split, likewise.

    Returns:
        The config: `bakeoff.run(result.values)` runs it, and `result.yaml` is its text with comments.

    Raises:
        UserError: the data cannot be read or learned from, or a file that would be written exists.
    """
    others = {key: table for key, table in (("validation", validation), ("test", test)) if table is not None}
    given = {"train" if others else "table": source, **others}
    data, tables = take_tables(given, "classification")
    path = None if output is None else Path(output)
    names = {key: _name(key, path) for key in tables}
    for file in (path, *(Path(name) for name in names.values() if path)):
        if file is not None and file.exists():
            raise UserError(f"{file} already exists.", "Choose another output, or remove the file first.")
    with tempfile.TemporaryDirectory() as folder:
        files = RunFolder(folder).write_tables(tables)
        sources = {**data, **{key: str(file) for key, file in files.items()}}
        with named_by_key(files):
            start = starting_config(
                sources.get("table") or sources["train"],
                [text] if isinstance(text, str) else text,
                label if label is None or isinstance(label, str) else list(label),
                validation=sources.get("validation"),
                test=sources.get("test"),
                names={str(file): names[key] for key, file in files.items()},
            )
        if path is not None:
            for key, file in files.items():
                shutil.move(file, names[key])
            write_new_text(path, start.yaml)
            return start
    return replace(start, tables={names[key]: table for key, table in tables.items()})


def _name(key: str, output: Path | None) -> str:
    """Return the file that a config names for a table from Python."""
    if output is None:
        return f"{key}.parquet"
    return str(output.with_name(f"{output.stem}.parquet" if key == "table" else f"{output.stem}-{key}.parquet"))
