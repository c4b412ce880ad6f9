"""Keep interrupts that Python would lose.

Nothing can catch an exception that leaves a finalizer (`__del__`) or a callback of the garbage collector: Python prints
it and goes on. If it is the KeyboardInterrupt of Ctrl-C or SIGTERM, the command would go on, too.
"""

from __future__ import annotations

import _thread
import signal
import sys
import time

_WAIT_SECONDS = 0.01
"""Until the signal comes again: by then, the finalizer is most likely over. If it is not, the same happens again."""


def keep() -> None:
    """Let interrupts that a finalizer swallows come again, for the rest of this process."""
    sys.unraisablehook = _interrupt_again


def _interrupt_again(problem: sys.UnraisableHookArgs) -> None:
    if issubclass(problem.exc_type, KeyboardInterrupt):
        _thread.start_new_thread(_interrupt, (_thread.get_ident(),))  # here, it would be raised inside this hook
    else:
        sys.__unraisablehook__(problem)


def _interrupt(thread: int) -> None:
    time.sleep(_WAIT_SECONDS)
    # Where both have handlers, these are the same. SIGINT is ignored by what a shell runs in the background.
    number = signal.SIGTERM if callable(signal.getsignal(signal.SIGTERM)) else signal.SIGINT
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(thread, number)  # ends a wait of the main thread, which `interrupt_main` does not
    else:
        _thread.interrupt_main(number)
