"""Find files of another machine that are copied to this one.

A config names files by their paths on the machine where the run began, and so does what is saved with a model. Whoever
opens a model, or a file that the settings of a contestant name, asks `here` where it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_copies: dict[str, str] = {}


@contextlib.contextmanager
def copied(copies: Mapping[str, str]) -> Iterator[None]:
    """Know in this process, during the block, where copies of files and folders are, by their original paths."""
    _copies.update(copies)
    try:
        yield
    finally:
        _copies.clear()


def here(path: str) -> str:
    """Return where a file or folder is on this machine: the path itself, unless it is copied."""
    return _moved(path, _copies.items())


def original(path: str) -> str:
    """Return the path from which a file or folder was copied; that of anything else as it is."""
    return _moved(path, ((copy, path) for path, copy in _copies.items()))


def _moved(path: str, places: Iterable[tuple[str, str]]) -> str:
    for before, after in places:
        if Path(path).is_relative_to(before):
            return str(Path(after) / Path(path).relative_to(before))
    return path
