"""Lock a file for this process, on Windows too."""

from __future__ import annotations

import sys

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
