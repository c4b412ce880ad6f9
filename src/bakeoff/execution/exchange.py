"""Exchange files between machines that share no disk, through an object store that all of them reach (fsspec).

Files go in units, such as what one training has written. Each file is an object named by its checksum (XXH3), and the
unit's index, written last, says which objects are its files: whoever reads an index gets the unit as it was at one
moment, however often it is pushed meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, TypeAlias

import fsspec
import xxhash

from bakeoff.errors import UserError
from bakeoff.runs.checksums import digest_of
from bakeoff.runs.writing import replaced_file

Files: TypeAlias = Mapping[str, Path]  # by their name in the unit, with "/" between folders

LOGS = (".jsonl",)
"""Endings of files that only grow, a line at a time."""

PUSH_SECONDS = 5.0
"""Time between two looks at whether a training has written something new."""

_TRIES = 5
_INDEX = "index.json"


class _ReplacedError(Exception):
    """The unit has been pushed again since its index was read."""


class Carrier(Protocol):
    """What brings the files of a run to machines that share no disk with this one, and back."""

    url: str
    published: bool  # from then on, the run can be resumed with what the machines have trained

    def publish(self) -> None:
        """Bring what the run is, and what has been trained of it, before the first training starts."""

    def collect(self, number: int) -> None:
        """Bring what a training has written to this machine."""


class Exchange:
    """A folder of an object store. All of its methods raise a UserError if the store cannot be used."""

    def __init__(self, url: str) -> None:
        """
        Args:
            url: What fsspec understands: `s3://bucket/folder`, `gs://...`, `abfs://...`, `file:///folder`.
        """
        if "://" not in url:
            raise UserError(f"--storage {url} is no address.", "Give one such as s3://BUCKET/FOLDER")
        self.url = url.rstrip("/")
        with self._explained("used"):
            self._store, self._root = fsspec.core.url_to_fs(self.url, use_listings_cache=False)
            if hasattr(self._store, "auto_mkdir"):
                self._store.auto_mkdir = True  # files of a disk need folders, objects do not

    def push(self, unit: str, files: Callable[[], Files]) -> None:
        """Make `files` the content of a unit. Nobody sees it half done; who pulls it gets them in their order."""
        for _ in range(_TRIES):
            listed = files()
            before = _states(listed)
            index: dict[str, tuple[int, str]] = {}
            with self._explained("written"):
                there = set(self._objects(unit))
                for name, (size, _, _) in before.items():
                    with contextlib.suppress(FileNotFoundError):  # a tracker removed it; for others, see below
                        index[name] = self._send(unit, name, listed[name], size, there)
                if _replaced(before, _states(files())):
                    continue  # so that a checkpoint's weights never come with another one's state
                self._store.pipe_file(f"{self._root}/{unit}/{_INDEX}", json.dumps(index).encode())
                for digest in there - {digest for _, digest in index.values()} - {_INDEX}:
                    self._store.rm_file(f"{self._root}/{unit}/{digest}")
            return
        raise UserError(f"What should go to {self.url} changes all the time.", "Let nothing else write into the run.")

    def pull(self, unit: str, folder: Path) -> bool:
        """Write the files of a unit below `folder`, as far as they differ; return False if there is no such unit."""
        for _ in range(_TRIES):
            index = self.index(unit)
            with contextlib.suppress(_ReplacedError), self._explained("read"):
                for name, (size, digest) in index.items():
                    self._receive(f"{self._root}/{unit}/{digest}", _below(folder, name), size, digest)
                return bool(index)
        raise UserError(f"{self.url}/{unit} is incomplete.", "Was something removed there?")

    def index(self, unit: str) -> dict[str, tuple[int, str]]:
        """Return size and checksum of the files of a unit, by name; empty if there is no such unit."""
        with self._explained("read"):
            try:
                index = json.loads(self._store.cat_file(f"{self._root}/{unit}/{_INDEX}"))
            except FileNotFoundError:
                return {}
            return {name: (int(size), str(digest)) for name, (size, digest) in index.items()}

    def differs(self, unit: str, files: Files) -> bool:
        """Return whether a unit lacks any of `files`, or has another one of that name."""
        there = self.index(unit)
        return any(
            there.get(name) != (size, digest_of(files[name], size)) for name, (size, _, _) in _states(files).items()
        )

    @contextlib.contextmanager
    def pushing(self, unit: str, files: Callable[[], Files]) -> Iterator[None]:
        """Push a unit whenever a file that is replaced as a whole is new, and at the end, however the block ends."""
        ended = threading.Event()
        first = _states(files())

        def watch() -> None:
            pushed = first
            while not ended.wait(PUSH_SECONDS):
                if _replaced(pushed, now := _states(files())):
                    with contextlib.suppress(UserError):  # the next try, or the last one, tells
                        self.push(unit, files)
                        pushed = now

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
            self.push(unit, files)

    def _objects(self, unit: str) -> list[str]:
        try:
            return [PurePosixPath(path).name for path in self._store.ls(f"{self._root}/{unit}", detail=False)]
        except FileNotFoundError:
            return []

    def _send(self, unit: str, name: str, file: Path, size: int, there: Collection[str]) -> tuple[int, str]:
        """Put a file into a unit unless it is there; return its size and checksum."""
        if _changes_at_any_time(name):  # what goes is what was read, whatever is written meanwhile
            content = file.read_bytes()
            size, digest = len(content), xxhash.xxh3_128_hexdigest(content)
            if digest not in there:
                self._store.pipe_file(f"{self._root}/{unit}/{digest}", content)
        else:
            digest = digest_of(file, size)
            if digest not in there:
                self._store.put_file(str(file), f"{self._root}/{unit}/{digest}")
        return size, digest

    def _receive(self, source: str, file: Path, size: int, digest: str) -> None:
        if file.is_file() and not file.is_symlink() and file.stat().st_size == size and digest_of(file, size) == digest:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        with replaced_file(file) as temporary:
            try:
                self._store.get_file(source, str(temporary))
            except FileNotFoundError:
                raise _ReplacedError from None
            if digest_of(temporary, size) != digest:
                raise _ReplacedError

    @contextlib.contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        """Turn whatever a store raises into one sentence; each has errors of its own."""
        try:
            yield
        except (UserError, _ReplacedError):
            raise
        except ImportError as error:
            raise UserError(f"--storage {self.url} needs a package that is not installed: {error}") from error
        except Exception as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise UserError(f"--storage {self.url} cannot be {verb}: {reason}") from error


def _states(files: Files) -> dict[str, tuple[int, int, int]]:
    """Return size, time of change and inode of the files that are there."""
    states = {}
    for name, path in files.items():
        with contextlib.suppress(OSError):
            found = path.stat()
            states[name] = found.st_size, found.st_mtime_ns, found.st_ino
    return states


def _replaced(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Return whether a file other than those that change at any time is new, changed or gone."""
    return {name: state for name, state in before.items() if not _changes_at_any_time(name)} != {
        name: state for name, state in now.items() if not _changes_at_any_time(name)
    }


def _changes_at_any_time(name: str) -> bool:
    """Return whether a file is a log, or a tracker's (contestants/NAME/tracking). Others are replaced as a whole."""
    return name.endswith(LOGS) or "tracking" in PurePosixPath(name).parts[2:]


def _below(folder: Path, name: str) -> Path:
    """Return a file's path; the store's own word does not lead out of the folder."""
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or PurePosixPath(name).is_absolute() or "\\" in name:
        raise UserError(f"{name!r} is no name of a file of a run.", "Was something changed in the storage?")
    return folder.joinpath(*parts)
