"""Checksums of the files that a result rests on, so that a damaged disk never changes an answer without a word.

A folder's manifest, checksums.json, lists its files. It is written before the file that declares them complete, and
checked where they are read. In a run it also says whose folder it is, and of which run, because each of two folders
that have changed places is intact. XXH3 reads as fast as memory; it finds damage, not forgery: whoever can change a
file can change the manifest, too. A folder without a manifest is read unchecked.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import xxhash

from bakeoff.errors import DamagedError
from bakeoff.runs.writing import PART, sync, write_text

MANIFEST = "checksums.json"
UNCHECKED = (MANIFEST, "README.md")
"""Names of files that no manifest lists: itself, and model cards, which are written again with every report."""

Entry: TypeAlias = tuple[int, str]  # bytes from the beginning of the file, and their checksum

_OWNER = ("place", "run")
"""Keys that say whose folder it is, where it is in a run. Earlier versions have not written `run`."""

_CHUNK = 1 << 20


def write_manifest(
    folder: Path,
    files: Iterable[Path] | None = None,
    *,
    texts: Mapping[str, str] | None = None,
    beginnings: Mapping[str, int] | None = None,
) -> None:
    """Write the manifest of a folder.

    Args:
        files: Files in the folder; absent: all, in subfolders, too.
        texts: Contents of files that are written next, by name.
        beginnings: Files that grow, by their path from the folder, and how many bytes of them count.
    """
    if files is None:
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in UNCHECKED)
    entries = {path.relative_to(folder).as_posix(): _entry_of(path) for path in files}
    entries |= {name: _entry_of_text(text) for name, text in (texts or {}).items()}
    for name, size in (beginnings or {}).items():
        if (folder / name).exists():
            entries[name] = size, digest_of(folder / name, size)
    _write(folder, entries)


def announce(path: Path, text: str) -> None:
    """Enter a text that is written to `path` next into the manifest of its folder, if there is one."""
    entries = read_manifest(path.parent)
    if entries is not None:
        _write(path.parent, entries | {path.name: _entry_of_text(text)})


def replace(path: Path, text: str) -> None:
    """Write another text into a file of a folder that is complete. After a kill, it holds the old one or the new one.

    The folder has no manifest meanwhile, so that neither text is taken for damage; a kill may leave it without one.
    """
    entries = read_manifest(path.parent)
    remove_manifest(path.parent)
    sync(path.parent)
    write_text(path, text)
    if entries is not None:
        _write(path.parent, entries | {path.name: _entry_of_text(text)})


def is_announced(path: Path, text: str) -> bool:
    """Return whether a text is what the manifest of its folder says of `path`."""
    return (read_manifest(path.parent) or {}).get(path.name) == _entry_of_text(text)


def is_listed(path: Path) -> bool:
    """Return whether the manifest of its folder lists a file, which is then there, or is missing."""
    return path.name in (read_manifest(path.parent) or {})


def read_manifest(folder: Path) -> dict[str, Entry] | None:
    """Return the entries of a folder's manifest by name, or None if there is none.

    Raises:
        DamagedError: the manifest itself is damaged.
    """
    path = folder / MANIFEST
    try:
        values = json.loads(_read(path))
        entries = {str(name): (int(size), str(digest)) for name, (size, digest) in values["files"].items()}
        owner = {key: values[key] for key in _OWNER if key in values}
        intact = values["checksum"] == _checksum_of(entries, owner)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DamagedError(path, f"cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        intact = False
    if not intact:
        raise DamagedError(path, "is damaged")
    here = _owner(folder)
    differing = [key for key in owner if key in here and here[key] != owner[key]]
    if "place" in differing:
        raise DamagedError(folder, f"is not what belongs there, but {owner['place']}")
    if "run" in differing:
        raise DamagedError(folder, f"is not of this run, but of one that began at {owner['run']}")
    return entries


def _read(path: Path) -> bytes:
    """Read a file, but no pipe or device, which might never end."""
    mode = path.stat().st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        raise DamagedError(path, "is damaged: it is no file")
    return path.read_bytes()


def _owner(folder: Path) -> dict[str, str]:
    """Return whose a folder below contestants/ of a run is; nothing outside a run.

    That is its path there, as it will be once it is complete, and when the run began, which tells it from others.
    """
    folder = folder.absolute()
    parents = [each for each in (folder, *folder.parents) if each.name == "contestants"]
    if not parents or not (parents[0].parent / "bakeoff.yaml").exists():
        return {}
    parts = folder.relative_to(parents[0]).parts
    place = "/".join(part[1:].removesuffix(PART) if _is_temporary(part) else part for part in parts)
    return {"place": place, **_beginning(parents[0].parent)}


def _beginning(run: Path) -> dict[str, str]:
    """Return when a run began; nothing where its record of that is missing or damaged."""
    try:
        return {"run": str(json.loads(read_checked(run / "environment.json"))["created"])}
    except (DamagedError, FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _is_temporary(name: str) -> bool:
    return name.startswith(".") and name.endswith(PART)


def read_checked(path: Path, *, may_be_unlisted: bool = False) -> bytes:
    """Read a file, and compare it with the manifest of its folder.

    Args:
        may_be_unlisted: The manifest may be older than the file, as that of a model until its training has ended.

    Raises:
        FileNotFoundError: it does not exist, and no manifest lists it.
        DamagedError: it is not what the manifest says, or the manifest does not list it, or it cannot be read.
    """
    entries = read_manifest(path.parent)
    entry = (entries or {}).get(path.name)
    try:
        content = _read(path)
    except FileNotFoundError:
        if entry is None:
            raise
        raise DamagedError(path, "is missing") from None
    except OSError as error:
        raise DamagedError(path, f"cannot be read: {error.strerror}") from None
    if entry is None and entries is not None and not may_be_unlisted:
        raise DamagedError(path, "does not belong there: no checksum lists it")
    if entry is not None and entry != (len(content), xxhash.xxh3_128_hexdigest(content)):
        raise DamagedError(path, "is damaged: its checksum has changed")
    return content


_checked: dict[Path, object] = {}
"""Folders that this process has checked, with the sizes and times of their files."""


def check_folder(folder: Path, *, but: Collection[str] = ()) -> bool:
    """Compare all files with the manifest of a folder, unless this process has done so and nothing has changed.

    Args:
        but: Names of files that may differ.

    Returns:
        False if there is no manifest.

    Raises:
        DamagedError: a file is missing, or not what the manifest says.
    """
    entries = read_manifest(folder)
    if entries is None:
        return False
    entries = {name: entry for name, entry in entries.items() if name not in but}
    state = []
    for name, (size, _) in entries.items():
        path = folder / name
        try:
            found = path.stat()
        except FileNotFoundError:
            raise DamagedError(path, "is missing") from None
        except OSError as error:
            raise DamagedError(path, f"cannot be read: {error.strerror}") from None
        if not stat.S_ISREG(found.st_mode):  # to open a pipe might never end
            raise DamagedError(path, "is damaged: it is no file")
        grows = name.startswith("..")
        if found.st_size < size or (found.st_size > size and not grows):
            raise DamagedError(path, "is damaged: its size has changed")
        state.append((name, found.st_ino, found.st_size, found.st_mtime_ns, entries[name]))
    if _checked.get(folder) == state:
        return True
    for name, (size, digest) in entries.items():
        if digest_of(folder / name, size) != digest:
            raise DamagedError(folder / name, "is damaged: its checksum has changed")
    _checked[folder] = state
    return True


def remove_manifest(folder: Path) -> None:
    """Remove a manifest before its files change."""
    (folder / MANIFEST).unlink(missing_ok=True)


def _write(folder: Path, entries: Mapping[str, Entry]) -> None:
    owner = _owner(folder)
    values = {"format": "xxh3_128", "checksum": _checksum_of(entries, owner), "files": entries, **owner}
    write_text(folder / MANIFEST, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def _entry_of(path: Path) -> Entry:
    size = path.stat().st_size
    return size, digest_of(path, size)


def _entry_of_text(text: str) -> Entry:
    content = text.encode()
    return len(content), xxhash.xxh3_128_hexdigest(content)


def _checksum_of(entries: Mapping[str, Entry], owner: Mapping[str, str]) -> str:
    own = [owner[key] for key in _OWNER if key in owner]
    return xxhash.xxh3_128_hexdigest(json.dumps([*sorted(entries.items()), *own]).encode())


def digest_of(path: Path, size: int) -> str:
    """Return the checksum of the first bytes of a file, without holding them in memory.

    Raises:
        DamagedError: the file cannot be read.
    """
    digest = xxhash.xxh3_128()
    buffer = memoryview(bytearray(_CHUNK))
    try:
        with path.open("rb", buffering=0) as file:
            while size > 0 and (count := file.readinto(buffer[: min(size, _CHUNK)])):
                digest.update(buffer[:count])
                size -= count
    except OSError as error:
        raise DamagedError(path, f"cannot be read: {error.strerror}") from None
    return digest.hexdigest()
