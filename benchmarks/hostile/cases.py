"""A case: a command that is run in this process, and the rules that its ending must obey."""

from __future__ import annotations

import io
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from unittest import mock

from bakeoff.cli.main import main

LONGEST_SECONDS = 10.0
_ENDINGS = {0: "done", 2: "refused in a sentence", 70: "reported as a defect", 130: "interrupted"}


class HangError(BaseException):
    """A case took too long. Not an Exception, so that nothing catches it."""


@dataclass(frozen=True)
class Outcome:
    """How a case ended."""

    name: str
    ending: str
    problem: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.problem}"


@dataclass(frozen=True)
class Typed:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str
    seconds: float


@dataclass(frozen=True)
class Case:
    """A piece of work with a name that tells how to repeat it. It returns what is wrong, or nothing."""

    name: str
    work: Callable[[], tuple[str, str]]  # -> ending, problem

    def run(self) -> Outcome:
        try:
            ending, problem = self.work()
        except HangError:
            ending, problem = "hung", f"it took more than {LONGEST_SECONDS:g} s"
        return Outcome(self.name, ending, problem)


def type_command(arguments: Sequence[str | Path], stdin: bytes = b"", seconds: float = LONGEST_SECONDS) -> Typed:
    """Run a command in this process.

    Raises:
        HangError: it took longer than `seconds`.
    """

    def alarm(number: int, frame: FrameType | None) -> None:
        raise HangError

    out, err = io.StringIO(), io.StringIO()
    text = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    before = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    started = time.perf_counter()
    try:
        with redirect_stdout(out), redirect_stderr(err), mock.patch("sys.stdin", text):
            try:
                code = main([str(argument) for argument in arguments])
            except Exception:
                code = -1
                err.write(traceback.format_exc())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return Typed(code, out.getvalue(), err.getvalue(), time.perf_counter() - started)


def judged(typed: Typed) -> tuple[str, str]:
    """Return how a command ended, and what is wrong with that: only success and one-sentence refusals are right."""
    ending = _ENDINGS.get(typed.code, f"exit code {typed.code}")
    lines = typed.err.strip().splitlines()
    if typed.code not in (0, 2) or "Traceback" in typed.err:
        return ending, f"{ending}: {' | '.join(lines[-12:])[-1500:]}"
    if typed.code == 2 and not lines:
        return ending, "it was refused without a word"
    if len(typed.err) > 20_000:
        return ending, f"a message of {len(typed.err):,} characters"
    return ending, ""
