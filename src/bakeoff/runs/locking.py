"""Lock a file for this process, on Windows too."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

LOCK = ".lock"
"""Name of the file that whoever works in a folder has locked."""

if sys.platform == "win32":
    import msvcrt

    def lock_file(handle: int) -> None:
        """Lock an open file until it is closed.

        Raises:
            BlockingIOError: another process has locked it.
        """
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error

else:
    import fcntl

    def lock_file(handle: int) -> None:
        """Lock an open file until it is closed.

        Raises:
            BlockingIOError: another process has locked it.
        """
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def locked(path: Path, patience: float = 0.0) -> Iterator[None]:
    """Lock a file, which is made if it does not exist, for the duration of the block.

    Args:
        patience: Seconds to wait for another process that has locked it.

    Raises:
        BlockingIOError: another process has locked it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                lock_file(handle)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.05)
        yield
    finally:
        os.close(handle)
