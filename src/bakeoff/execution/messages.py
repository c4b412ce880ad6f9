"""What the process of a training tells the one that shows the progress."""

from __future__ import annotations

import pickle
import time
import traceback
from collections.abc import Callable
from typing import Any

from bakeoff.runs.results import EpochLine, StepLine
from bakeoff.training.progress import Progress

LEAST_SECONDS = 0.1
"""Time between two reports of steps or stages: nobody reads a thousand a second."""

Send = Callable[[str, Any], None]


class SendingProgress(Progress):
    """A progress that sends each report to another process."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._last = 0.0

    def message(self, text: str) -> None:
        self._send("message", (text,))

    def stage(self, text: str, share: float | None = None) -> None:
        if share is None or self._is_due():
            self._send("stage", (text, share))

    def step(self, line: StepLine, share: float) -> None:
        if self._is_due():
            self._send("step", (line, share))

    def epoch(self, line: EpochLine) -> None:
        self._send("epoch", (line,))

    def _is_due(self) -> bool:
        now = time.monotonic()
        due = now - self._last >= LEAST_SECONDS
        if due:
            self._last = now
        return due


def deliver(progress: Progress, kind: str, values: Any) -> None:
    """Report to `progress` what a `SendingProgress` sent."""
    reports: dict[str, Callable[..., None]] = {
        "message": progress.message,
        "stage": progress.stage,
        "step": progress.step,
        "epoch": progress.epoch,
    }
    reports[kind](*values)


def with_place(error: Exception) -> Exception:
    """Return an error of a training with the place where it occurred, which is lost on the way to another process.

    In place of an error that would not arrive there, return one that says the same: libraries have some that cannot be
    pickled, or not be made again from what was.
    """
    place = "".join(traceback.format_exception(error))
    error.add_note(place)
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 (what was just made)
    except Exception:
        return RuntimeError(place)
    return error
