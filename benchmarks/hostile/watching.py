"""Count the changes of files in a folder, and die before one of them: chance never hits the gap between two writes.

All processes of a command share the count, which is the size of a file: a byte for each change. Nothing but the
standard library is imported here, because processes that a command starts import this first (hook/sitecustomize.py).
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink", "shutil.rmtree"}
TALLY = "HOSTILE_TALLY"
"""Names the file of the count in the environment of all processes of a command."""
_ASKED = ("HOSTILE_FOLDER", TALLY, "HOSTILE_DIES_AT")


def watch(folder: Path, tally: str, dies_at: int | None) -> None:
    """Write a byte to `tally` for each change of a file in the folder; kill this process before the given one."""
    inside = str(folder)
    file = os.open(tally, os.O_WRONLY | os.O_APPEND)

    def changes(event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open":
            path, mode, flags = arguments
            writes = flags & (os.O_WRONLY | os.O_RDWR) if mode is None else set(mode) & set("wax+")
            return bool(writes) and str(path).startswith(inside)
        return event in _CHANGES and str(arguments[0]).startswith(inside)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if (event == "open" or event in _CHANGES) and changes(event, arguments):
            os.write(file, b".")
            if os.fstat(file).st_size == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def for_processes(folder: Path, tally: str, dies_at: int | None) -> dict[str, str]:
    """Return the environment of a command whose processes shall all be watched."""
    here = Path(__file__).parent
    paths = [str(here / "hook"), str(here.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    asked = dict(zip(_ASKED, (str(folder), tally, str(dies_at or 0)), strict=True))
    return {"PYTHONPATH": os.pathsep.join(paths), **asked}


def watch_as_asked() -> None:
    """Watch what the environment asks for."""
    if all(name in os.environ for name in _ASKED):
        folder, tally, dies_at = (os.environ[name] for name in _ASKED)
        watch(Path(folder), tally, int(dies_at))
