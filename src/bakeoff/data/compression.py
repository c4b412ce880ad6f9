"""Unpack compressed files."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from bakeoff.errors import UserError


def _unpack_zstandard(content: bytes) -> bytes:
    import pyarrow as pa

    with pa.input_stream(pa.BufferReader(content), compression="zstd") as stream:
        return bytes(stream.read())


_UNPACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
    ".lzma": lzma.decompress,
    ".zst": _unpack_zstandard,
}
COMPRESSED = (*_UNPACKERS, ".zip")
"""Endings of compressed files, lower case."""


def ending_of(name: str) -> str:
    """Return the ending that says what a file holds: `.csv` for `reviews.csv` and for `reviews.csv.gz`."""
    path = PurePosixPath(name.replace("\\", "/"))
    ending = path.suffix.lower()
    return PurePosixPath(path.stem).suffix.lower() if ending in _UNPACKERS else ending


def unpack(content: bytes, name: str, endings: Sequence[str]) -> tuple[bytes, str]:
    """Return the content of a file and the ending of its name, both without compression.

    Args:
        endings: Endings of tables, of which a .zip must hold exactly one.

    Raises:
        UserError: the file is damaged, or a .zip without exactly one table.
    """
    ending = PurePosixPath(name).suffix.lower()
    if ending == ".zip":
        return _unpack_zip(content, name, endings)
    unpacker = _UNPACKERS.get(ending)
    if unpacker is None:
        return content, ending
    try:
        return unpacker(content), ending_of(name)
    except (OSError, EOFError, lzma.LZMAError, zlib.error, ValueError) as error:
        raise _damaged(name, error) from None


def _unpack_zip(content: bytes, name: str, endings: Sequence[str]) -> tuple[bytes, str]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [
                file
                for file in archive.namelist()
                if not file.endswith("/") and not file.startswith("__MACOSX/") and not _basename(file).startswith(".")
            ]
            tables = [file for file in files if ending_of(file) in endings]
            tables = tables or [file for file in files if ending_of(file) == ".txt"]
            if len(tables) != 1:
                held = ", ".join(tables or files) or "nothing"
                raise UserError(
                    f"{name} must hold exactly one table to be read; it holds {held}.",
                    "Unpack it, and name the table.",
                )
            return unpack(archive.read(tables[0]), tables[0], endings)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error) as error:
        raise _damaged(name, error) from None


def _basename(file: str) -> str:
    return PurePosixPath(file).name


def _damaged(name: str, error: Exception) -> UserError:
    return UserError(f"{name} cannot be unpacked: {error}.", "Copy or download it again.")
