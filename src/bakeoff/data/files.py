"""Find, read and decode files, with error messages that say what to fix."""

from __future__ import annotations

import difflib
import hashlib
import re
from importlib import resources
from pathlib import Path

from bakeoff.errors import UserError

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+){0,2}")  # owner, name, configuration


def packaged_file(collection: str, name: str) -> bytes:
    """Return the content of a file that is packaged with bakeoff."""
    return resources.files("bakeoff.data").joinpath("packaged", collection, name).read_bytes()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Hash a file of any size without holding it in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def may_be_on_the_hub(source: str, endings: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Return whether a source that does not exist here can be a data set on the hub, rather than a typing error.

    Args:
        endings: Endings of file names that can be read.
        others: Further names that are understood, such as those of packaged data.
    """
    is_file = source.startswith(".") or source.lower().endswith(endings)
    return bool(_HUB_ID.fullmatch(source)) and not is_file and not _near_names(source, others, likeness=0.8)


def missing(source: str, others: tuple[str, ...] = ()) -> UserError:
    """Return the error for a file or folder that does not exist, with suggestions of similar names."""
    folder = Path(source).parent
    if not folder.is_dir():
        return UserError(f"{source} does not exist, nor does the folder {folder}.", "Check the path.")
    near = _near_names(source, others, likeness=0.6)
    hint = f"Did you mean {' or '.join(near)}?" if near else "Check the path."
    return UserError(f"{source} does not exist.", hint)


def _near_names(source: str, others: tuple[str, ...], *, likeness: float) -> list[str]:
    """Return files in the same folder, and other names, with a similar spelling; the most similar first."""
    folder = Path(source).parent
    files = [file for file in folder.iterdir() if not file.name.startswith(".")] if folder.is_dir() else []
    names = {**{file.name.lower(): str(file) for file in files}, **{name.lower(): name for name in others}}
    near = difflib.get_close_matches(Path(source).name.lower(), list(names), n=3, cutoff=likeness)
    return [names[name] for name in near]


def read_bytes(path: Path) -> bytes:
    """Read a file that must not be empty.

    Raises:
        UserError: the file is empty or cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", "Check the path and its permissions.") from error
    if not content.strip():
        raise UserError(f"{path} is empty.", "Give a file that is not empty.")
    return content
