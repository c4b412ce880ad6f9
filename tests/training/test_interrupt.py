from __future__ import annotations

import os
import signal

from bakeoff.training.interrupt import deferred_interrupt


def test_what_the_shell_ignores_stays_ignored():
    """As SIGINT is in the background: `bakeoff run &` in a script."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with deferred_interrupt() as interrupted:
            os.kill(os.getpid(), signal.SIGINT)
            assert not interrupted()
    finally:
        signal.signal(signal.SIGINT, before)
