"""Run a command in a fork of this process, which has imported everything: it starts in milliseconds and dies alone.

The fork has a limit on processor time, and one on time that is several times as long, since the machine may be busy:
whoever exceeds one of them hangs. A limit on memory lets a bomb spare the machine. The fork can be killed at the n-th
change of a file: see watching.py.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import logging
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.cli.main import main
from hostile.watching import watch

LONGEST_SECONDS = 10.0
"""Processor time after which a command hangs."""
MEMORY_BYTES = 6 * 2**30

_PRELOADED = (
    *("peft", "sklearn.linear_model", "scipy.sparse", "pandas", "openpyxl", "python_calamine", "fastapi.testclient"),
    *("bakeoff.runner", "bakeoff.comparing", "bakeoff.lm.sources", "bakeoff.tasks.classification"),
    *("bakeoff.tasks.language_model", "bakeoff.tasks.classifier", "bakeoff.report.output", "bakeoff.serve.server"),
    *("bakeoff.config.starting", "bakeoff.data.unlabeled", "bakeoff.tasks.export", "bakeoff.methods.estimator.method"),
    *("bakeoff.methods.linear.method", "bakeoff.methods.recurrent.method", "bakeoff.methods.transformer.method"),
)
_TIME_OVER = 124


@dataclass(frozen=True)
class Typed:
    """What a command printed, its exit code (negative: the signal that ended it), and what it took."""

    code: int
    out: str
    err: str
    seconds: float  # of the processor
    wall: float
    changes: int = 0  # of files in the folder that was watched, the last of which it was perhaps killed before

    @property
    def hung(self) -> bool:
        return self.code in (-signal.SIGXCPU, -_TIME_OVER)


def longest_wall(seconds: float) -> float:
    """Return the wall-clock time after which a command hangs, from its limit on processor time, in seconds.

    A command that waits for nothing needs more only where four others share its core.
    """
    return min(4 * seconds, seconds + 110)


def preload() -> None:
    """Import what commands import, so that no fork has to."""
    for name in _PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # forks share the memory of what is there already


def type_command(arguments: Sequence[str | Path], **more: Any) -> Typed:
    """Run a command of bakeoff; `more` as for `run_forked`."""
    words = [str(argument) for argument in arguments]
    return run_forked(lambda: main(words), **more)


def run_forked(
    work: Callable[[], int],
    *,
    stdin: bytes = b"",
    seconds: float = LONGEST_SECONDS,
    inside: Path | None = None,
    scratch: Path | None = None,
    watched: Path | None = None,
    dies_at: int | None = None,
    signals: Sequence[tuple[float, signal.Signals]] = (),
    obeys_permissions: bool = False,
) -> Typed:
    """Run a function in a fork of this process.

    Args:
        work: Returns the exit code.
        seconds: Limit on processor time; that on time is `longest_wall` of it.
        inside: The working folder.
        scratch: For temporary files, such as the details of a defect.
        watched: Count the changes of files in this folder.
        dies_at: Kill the fork (SIGKILL) before this change of them.
        signals: To send, and after how many seconds.
        obeys_permissions: Take from root what lets it read any file.
    """
    with (
        tempfile.TemporaryFile() as given,
        tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="backslashreplace") as out,
        tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="backslashreplace") as err,
        tempfile.NamedTemporaryFile("r") as counted,
    ):
        given.write(stdin)
        given.seek(0)
        sys.stdout.flush()
        sys.stderr.flush()
        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            _in_the_fork(
                work, given, (out, err, counted), seconds, inside, scratch, watched, dies_at, obeys_permissions
            )
        code, used = _ended(pid, started, list(signals), longest_wall(seconds))
        wall = time.monotonic() - started
        changes = counted.read()
        return Typed(code, out.read(), err.read(), used, wall, len(changes))


def _in_the_fork(
    work: Callable[[], int],
    given: Any,
    files: tuple[Any, Any, Any],
    seconds: float,
    inside: Path | None,
    scratch: Path | None,
    watched: Path | None,
    dies_at: int | None,
    obeys_permissions: bool,
) -> None:
    code = 99
    try:
        os.setsid()
        for descriptor, file in enumerate((given, *files[:2])):
            os.dup2(file.fileno() if descriptor == 0 else os.open(file.name, os.O_WRONLY | os.O_APPEND), descriptor)
        sys.stdin, sys.stdout, sys.stderr = (
            open(descriptor, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            for descriptor, mode in enumerate("rww")
        )
        signal.signal(signal.SIGINT, signal.default_int_handler)  # which processes in the background ignore
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        limit = int(seconds + 0.999)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 2))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
        if scratch is not None:
            os.environ["TMPDIR"] = str(scratch)
            tempfile.tempdir = None
        if inside is not None:
            os.chdir(inside)
        if watched is not None:
            watch(watched, files[2].name, dies_at)
        if obeys_permissions:
            _obey_permissions()
        logging.disable(logging.NOTSET)
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _ended(pid: int, started: float, signals: list[tuple[float, signal.Signals]], patience: float) -> tuple[int, float]:
    """Wait for a fork; return its exit code and its processor time."""
    late = False
    while True:
        ended, status, used = os.wait4(pid, os.WNOHANG)
        if ended:
            with contextlib.suppress(ProcessLookupError):  # what it has started
                os.killpg(pid, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(status)
            return -_TIME_OVER if late else code, used.ru_utime + used.ru_stime
        elapsed = time.monotonic() - started
        while signals and elapsed >= signals[0][0]:
            os.kill(pid, signals.pop(0)[1])
        if elapsed > patience and not late:
            late = True
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


def _obey_permissions() -> None:
    """Drop the capabilities of root that ignore the permissions of files (Linux)."""
    if os.geteuid() != 0 or sys.platform != "linux":
        return
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    held = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capget(header, held):
        raise OSError(ctypes.get_errno(), "capget")
    for index in range(3):  # effective, permitted, inheritable
        held[index] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    if libc.capset(header, held):
        raise OSError(ctypes.get_errno(), "capset")
