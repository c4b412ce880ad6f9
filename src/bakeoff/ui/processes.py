"""Commands of bakeoff in processes of their own, which outlive the server that started them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from bakeoff import machine
from bakeoff.runs.record import Record

_SAME_SECONDS = 2.0  # the start of a process is computed from the clock, which may have been set since
_children: list[subprocess.Popen[bytes]] = []


class ProcessRecord(Record):
    """A process, and when it started: its number alone may be that of another one by now."""

    pid: int
    created: float


def start(arguments: Sequence[str], output: Path, errors: Path | None = None) -> ProcessRecord:
    """Start `bakeoff ARGUMENTS`.

    Args:
        output: Gets what it prints. Its folder is where the command works: `bakeoff plan` tells the free space there.
        errors: Gets its standard error, if it is kept apart.
    """
    # -P: the folder in which the server runs holds no modules.
    command = [sys.executable, "-P", "-m", "bakeoff", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "BAKEOFF_TOKEN"}
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(path.open("wb")) for path in (output, errors) if path is not None]
        stack.enter_context(machine.all_cores())  # which the process inherits
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=streams[0],
            stderr=streams[-1],
            cwd=output.parent,
            env=environment,
            start_new_session=True,
        )
    _children.append(process)
    return ProcessRecord(pid=process.pid, created=_created(process.pid) or 0.0)


def is_running(process: ProcessRecord | None) -> bool:
    """Return whether a process that this server or an earlier one started is still running."""
    _children[:] = [child for child in _children if child.poll() is None]  # otherwise they would stay as zombies
    if process is None:
        return False
    created = _created(process.pid)
    return created is not None and abs(created - process.created) < _SAME_SECONDS


def stop(process: ProcessRecord | None) -> None:
    """Ask a process to end. A training ends after its current step, so that it can go on later; twice ends it now."""
    if process is not None and is_running(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(process.pid).terminate()


def _created(pid: int) -> float | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            return process.create_time()
    return None


def last_error(output: Path) -> str | None:
    """Return what a command said as it failed, or None."""
    if not output.exists():
        return None
    said = output.read_bytes()[-20_000:].decode(errors="replace")
    _, found, error = ("\n" + said).rpartition("\nError: ")
    printable = "".join(character for character in error if character.isprintable() or character == "\n")
    return printable.strip() if found else None
