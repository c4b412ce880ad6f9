"""Defer Ctrl-C to the end of a training step."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Make the yielded function return True after the first Ctrl-C (or SIGTERM) inside the block.

    However the block then ends, KeyboardInterrupt follows. A second signal interrupts at once. Signals that are ignored
    stay ignored. Outside the main thread, where Python handles no signals, nothing changes.
    """
    requested = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield requested.is_set
        return

    def note(number: int, frame: FrameType | None) -> None:
        if requested.is_set():
            raise KeyboardInterrupt
        requested.set()

    previous = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        # A shell ignores SIGINT for what it starts in the background; None is a handler that Python cannot put back.
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            previous[number] = signal.signal(number, note)
    try:
        yield requested.is_set
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        if requested.is_set():
            raise KeyboardInterrupt
