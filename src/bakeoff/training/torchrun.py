"""This process among those that torchrun has started: its rank, and how they end together.

In a program that torchrun has not started, these functions say that it is alone. They do not load torch.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import threading
import time
from collections.abc import Iterator

GRACE_SECONDS = 10.0
"""Time that the other processes give the main process to report an error."""

LOOK_SECONDS = 1.0
"""Time between two looks at whether torchrun is still there."""


def world_size() -> int:
    """Return the number of processes that torchrun has started for this run, on all machines; 1 without torchrun."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def rank() -> int:
    """Return the rank of this process, from 0."""
    return int(os.environ["RANK"]) if world_size() > 1 else 0


def is_main_process() -> bool:
    """Return whether this process has rank 0, which alone writes files and prints."""
    return rank() == 0


def local_rank() -> int:
    """Return the rank of this process on its machine, which is also the index of its GPU."""
    return int(os.environ["LOCAL_RANK"]) if world_size() > 1 else 0


def local_world_size() -> int:
    """Return the number of processes of this run on this machine, which share its memory."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if world_size() > 1 else 1


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Forget the other processes inside the block, for work that is not shared."""
    run = os.environ.pop("TORCHELASTIC_RUN_ID", None)
    try:
        yield
    finally:
        if run is not None:
            os.environ["TORCHELASTIC_RUN_ID"] = run


def leave_it_to_main_process() -> None:
    """Wait before a process fails, so that the main process reports the error.

    Most errors occur in all processes, and torchrun kills the others as soon as one has failed.
    """
    if not is_main_process():
        time.sleep(GRACE_SECONDS)


@functools.cache
def end_with_torchrun() -> None:
    """End this process soon after torchrun has died, even if it was killed. Without torchrun, do nothing.

    torchrun starts each process in a session of its own, so that nobody else would end them. One that waits for the
    others would wait for a day and keep the run locked.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        threading.Thread(target=_await_the_end_of_torchrun, args=(os.getppid(),), daemon=True).start()


def _await_the_end_of_torchrun(parent: int) -> None:
    if not _torchrun_has_died():  # before this process looked at who its parent is
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
    os._exit(1)  # files are complete or absent


def _torchrun_has_died() -> bool:
    """Return whether nobody answers where torchrun listens before it starts any process."""
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        address = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        try:
            socket.create_connection(address, timeout=10).close()
        except ConnectionRefusedError:
            return True
        except OSError:  # on the way to another machine
            pass
    return False
