"""Write files and folders atomically: each is either complete or absent, even after a power failure.

It is written under a temporary name in the same folder, synced to the disk, and renamed. Temporary files are opened
exclusively under random names, so that no link that lies in a folder from elsewhere is followed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bakeoff.errors import UserError

PART = ".part"
"""Ending of temporary files; a kill can leave one behind."""


class DiskFullError(UserError):
    """There is no space left."""


@contextlib.contextmanager
def explain_disk_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or a missing permission while writing `path` into a UserError."""
    try:
        yield
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else None
        # safetensors and Arrow wrap the system's error in classes of their own.
        wrapped = "No space left on device" in str(error) or "os error 28" in str(error)
        if number in (errno.ENOSPC, errno.EDQUOT) or wrapped:
            raise DiskFullError(f"The disk is full: {path} could not be written.", "Free some space.") from error
        if number in (errno.ENOENT, errno.ENOTDIR, errno.EEXIST):
            raise UserError(
                f"{path} could not be written: its folder was removed meanwhile, or a file is in its place.",
                "Let nothing else change this folder.",
            ) from error
        if number == errno.ENAMETOOLONG:
            raise UserError(f"{path} could not be written: its name is too long.", "Give a shorter one.") from error
        if isinstance(error, OSError) and number in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise UserError(
                f"{path} cannot be written: {error.strerror}.", "Choose another folder, or make this one writable."
            ) from error
        raise


@contextlib.contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """Yield a temporary file that replaces `path` if the block succeeds, and is removed if it fails."""
    temporary = path.with_name(f".{secrets.token_hex(6)}{PART}")
    with explain_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
        try:
            yield temporary
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace the content of `path` atomically, as UTF-8."""
    with replaced_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(text)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the content of `path` atomically."""
    with replaced_file(path) as temporary:
        temporary.write_bytes(content)


def write_new_text(path: Path, text: str) -> None:
    """Write a file that must not exist yet, as UTF-8. A file that cannot be completed is removed.

    Raises:
        UserError: it exists, or cannot be written.
    """
    with explain_disk_errors(path):
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            raise UserError(f"{path} already exists.", "Choose another name, or remove the file first.") from None
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def temporary_folder(path: Path) -> Path:
    """Return where `replaced_folder` collects what replaces `path`."""
    return path.with_name(f".{path.name}{PART}")


@contextlib.contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that replaces `path` if the block succeeds, and is removed if it fails.

    If the process is killed between the two renames, the old folder is left as ``.NAME.old``; `recover_folder` puts it
    back.
    """
    temporary, old = temporary_folder(path), path.with_name(f".{path.name}.old")
    with explain_disk_errors(path):
        remove(temporary)
        temporary.mkdir(parents=True)
        try:
            yield temporary
            _sync_all(temporary)
        except BaseException:
            remove(temporary)
            raise
        remove(old)
        if path.exists():
            path.rename(old)
        temporary.rename(path)
        sync(path.parent)
        remove(old)


@contextlib.contextmanager
def made_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` if the block succeeds, and is removed if it fails.

    Several processes may do this at once if all write the same: the first to end decides, and the others accept it.
    """
    with explain_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as around:
            temporary = Path(around) / path.name
            temporary.mkdir()
            yield temporary
            _sync_all(temporary)
            try:
                temporary.rename(path)
            except OSError:
                if not path.is_dir():  # otherwise another process was faster
                    raise
            sync(path.parent)


def _sync_all(folder: Path) -> None:
    for item in (*folder.rglob("*"), folder):
        sync(item)


def remove(path: Path) -> None:
    """Remove a file, a folder, or a link (not what it leads to), if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(NotADirectoryError):  # there is a file in place of its folder
            path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if sys.platform != "win32":  # which does so only for files that are open for writing
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def recover_folder(path: Path) -> None:
    """Undo a `replaced_folder` that was killed between its two renames."""
    old = path.with_name(f".{path.name}.old")
    if not path.exists() and old.exists():
        with contextlib.suppress(FileNotFoundError):  # another process has just done it
            old.rename(path)


def folder_bytes(path: Path) -> int:
    """Return the size of all files in a folder, in bytes, without their checksums."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and file.name != "checksums.json")
