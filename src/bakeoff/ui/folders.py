"""The folder of `bakeoff ui`: everything that it knows is in there, so that a server can be killed at any time.

    bakeoff-ui/
      files/1/   an uploaded file, what was found in it, and its forecast
      runs/1/    a bake-off: its config, its run folder, the output of its process

Names are numbers. What clients call their files is shown, and never part of a path.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Generic

from bakeoff.errors import UserError
from bakeoff.runs.locking import lock_file
from bakeoff.runs.reading import AnyRecord, read_record
from bakeoff.runs.writing import explain_disk_errors, write_text

ID = r"^[1-9][0-9]{0,8}$"
"""The pattern of the names of folders."""


def numbered(parent: Path) -> list[Path]:
    """Return the numbered folders, the oldest first."""
    folders = [path for path in parent.iterdir() if re.match(ID, path.name)] if parent.is_dir() else []
    return sorted(folders, key=lambda path: int(path.name))


def new_numbered(parent: Path) -> Path:
    """Make a folder with the next number."""
    with explain_disk_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        number = max((int(path.name) for path in numbered(parent)), default=0) + 1
        while True:
            with contextlib.suppress(FileExistsError):  # of another request at the same time
                (parent / str(number)).mkdir()
                return parent / str(number)
            number += 1


class RecordedFolder(Generic[AnyRecord]):
    """A folder whose record says what it is. Where the record is missing or of another version, there is nothing."""

    def __init__(self, folder: Path, file: str, kind: type[AnyRecord]) -> None:
        self.folder = folder
        self._record = folder / file
        self._kind = kind

    @property
    def exists(self) -> bool:
        """True if it was completely written, by this version of bakeoff or one that wrote the same."""
        try:
            return bool(self.record)
        except UserError:
            return False

    @property
    def record(self) -> AnyRecord:
        return read_record(self._record, self._kind)

    def write(self, record: AnyRecord) -> None:
        write_text(self._record, record.model_dump_json(indent=2) + "\n")

    def change(self, **changes: object) -> None:
        self.write(self.record.model_copy(update=changes))

    def remove(self) -> None:
        """Remove what the folder holds, its record last. Of links, only the link is removed, not what it leads to.

        The empty folder stays, so that nothing else ever gets its number.

        Raises:
            UserError: the folder itself lies elsewhere, or something cannot be removed.
        """
        for path in (self.folder, self.folder.parent):
            if path.is_symlink():
                raise UserError(f"{path} is a link. Only what lies in the folder of `bakeoff ui` itself is removed.")
        for path in sorted(self.folder.iterdir(), key=lambda path: path == self._record):
            try:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            except OSError as error:
                raise UserError(f"{path} could not be removed: {error.strerror}.") from error


@contextlib.contextmanager
def removed_if_it_fails(folder: Path) -> Iterator[None]:
    """Remove a new folder if the block fails."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the folder, so that no second server starts processes in it.

    Raises:
        UserError: another one has locked it, or it cannot be written.
    """
    with explain_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        try:
            lock_file(handle)
        except BlockingIOError:
            raise UserError(
                f"Another `bakeoff ui` works in {folder}.", "Open its page, or choose another folder with --folder."
            ) from None
        yield
    finally:
        os.close(handle)
