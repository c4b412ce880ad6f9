"""Read the files of a run folder. Whatever is wrong with one is a sentence that names it and says what to do."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
import pydantic

from bakeoff.errors import DamagedError, UserError
from bakeoff.parsing import MalformedError, parse_yaml
from bakeoff.runs.checksums import read_checked
from bakeoff.runs.record import Record

AnyRecord = TypeVar("AnyRecord", bound=Record)
Line = TypeVar("Line")

_OTHER_VERSION = "Run the bake-off again in a new folder: bakeoff run CONFIG -o NEW"
_DO_WITHOUT = "Put it back from a copy, or remove it: the files that it lists are then read unchecked."
PUT_BACK = "Put it back from a copy, or run the bake-off again in a new folder: bakeoff run CONFIG -o NEW"


def exists(path: Path) -> bool:
    """Return whether there is a file or folder.

    Raises:
        DamagedError: the folder around it cannot be looked into.
    """
    try:
        return path.exists()
    except OSError as error:
        raise DamagedError(path, f"cannot be read: {error.strerror}") from None


def read_record(path: Path, kind: type[AnyRecord]) -> AnyRecord:
    """Read a record from JSON.

    Raises:
        UserError: the file does not exist yet, is damaged, or is from another version of bakeoff.
    """
    try:
        content = read_checked(path)
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist: the run has not finished, or the file was removed.",
            "Finish it with: bakeoff resume RUN",
        ) from None
    try:
        return kind.model_validate_json(content)
    except pydantic.ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise DamagedError(path, f"is damaged, or from another version of bakeoff: {reason}", _OTHER_VERSION) from None


def read_lines(path: Path, parse: Callable[[Any], Line]) -> list[Line]:
    """Read one JSON object a line. A last line without its end, which a kill has cut short, is left out.

    Raises:
        DamagedError: a line is something else.
    """
    try:
        content = read_checked(path)
    except FileNotFoundError:
        return []
    lines: list[Line] = []
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].split(b"\n")[:-1], start=1):
        with explained_damage(path, f"is damaged in line {number}"):
            lines.append(parse(json.loads(line)))
    return lines


def read_table(path: Path) -> pa.Table:
    """Read a Parquet file.

    Raises:
        DamagedError: it is missing or damaged.
    """
    try:
        content = read_checked(path)
    except FileNotFoundError:
        raise DamagedError(path, "is missing") from None
    with explained_damage(path):
        table: pa.Table = pq.read_table(pa.BufferReader(content))
        return table


def read_config_values(path: Path) -> dict[str, Any]:
    """Read bakeoff.yaml.

    Raises:
        DamagedError: it is no mapping, or has changed since it was written; or the checksums beside it are damaged.
    """
    try:
        _, values = parse_yaml(read_checked(path).decode(), times=10)
    except DamagedError as error:
        raise DamagedError(error.path, error.problem, PUT_BACK if error.path == path else _DO_WITHOUT) from None
    except (MalformedError, UnicodeDecodeError):
        values = None
    if not isinstance(values, dict):
        raise DamagedError(path, "is damaged: it is not a config", PUT_BACK)
    return values


@contextlib.contextmanager
def explained_damage(path: Path, problem: str = "is damaged") -> Iterator[None]:
    """Turn whatever goes wrong while the content of a file is understood into a DamagedError.

    Libraries raise anything on damaged content, from KeyError to errors of their own.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DamagedError(path, f"{problem} ({reason[:200]})") from error
