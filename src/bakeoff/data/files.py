"""Finding, reading and decoding files, with messages that say what to mend."""

from __future__ import annotations

import difflib
import hashlib
import re
from importlib import resources
from pathlib import Path

from bakeoff.errors import UserError

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


def packaged_file(collection: str, name: str) -> bytes:
    """Content of a file that comes with bakeoff."""
    return resources.files("bakeoff.data").joinpath("packaged", collection, name).read_bytes()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def is_hub_id(source: str, suffixes: tuple[str, ...]) -> bool:
    """Whether a source that does not exist locally can be the name of a data set on the hub rather than a file."""
    return bool(_HUB_ID.fullmatch(source)) and not source.startswith(".") and not source.lower().endswith(suffixes)


def missing(source: str, others: tuple[str, ...] = ()) -> UserError:
    """The error for a file or folder that does not exist; names those that are called nearly so.

    Args:
        others: Names that would also have been understood, such as those of packaged data.
    """
    path = Path(source)
    folder = path.parent
    if not folder.is_dir():
        return UserError(f"{source} does not exist, nor does the folder {folder}.", "Check the path.")
    here = {file.name.lower(): str(file) for file in folder.iterdir() if not file.name.startswith(".")}
    names = {**here, **{name.lower(): name for name in others}}
    near = difflib.get_close_matches(path.name.lower(), list(names), n=3)
    hint = f"Did you mean {' or '.join(names[name] for name in near)}?" if near else "Check the path."
    return UserError(f"{source} does not exist.", hint)


def read_bytes(path: Path) -> bytes:
    """The content of a file that must hold something.

    Raises:
        UserError: the file is empty or may not be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", "Check the path and its permissions.") from error
    if not content.strip():
        raise UserError(f"{path} is empty.", "Give a file with content.")
    return content


def decode(content: bytes, name: str) -> str:
    """UTF-8 text; line ends stay as they are, a byte order mark is dropped.

    Raises:
        UserError: with the line and byte that are not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The position is counted without a byte order mark; only its line is off the mark's three bytes.
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{name} is not UTF-8: line {line}, byte {error.start} is 0x{content[error.start]:02x}.",
            f"Convert it: iconv -f latin1 -t utf-8 {name} > converted, or whatever its encoding is instead of latin1.",
        ) from None
