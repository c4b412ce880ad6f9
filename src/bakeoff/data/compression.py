"""Unpack compressed files, and tell by its name what a file holds."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import IO, Any

from bakeoff.errors import UserError


def _open_zstandard(file: IO[bytes]) -> Any:
    import pyarrow as pa

    return pa.input_stream(file, compression="zstd")


_OPENERS: dict[str, Callable[[IO[bytes]], Any]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".lzma": lzma.LZMAFile,
    ".zst": _open_zstandard,
}
COMPRESSED = (*_OPENERS, ".zip")
"""Endings of compressed files, lower case."""

LINES = ".txt"
"""Ending of files with a text in each line, or in fastText's format."""

TEXT_ENDINGS = (LINES, ".raw", ".tokens")
"""Endings of plain texts, from which language models learn."""

DAMAGE = (
    *(OSError, EOFError, ValueError, lzma.LZMAError, zlib.error),
    *(zipfile.BadZipFile, RuntimeError, NotImplementedError),
)
"""What is raised while a damaged file is unpacked."""


def ending_of(name: str) -> str:
    """Return the ending that says what a file holds: `.csv` for `reviews.csv` and for `reviews.csv.gz`."""
    path = PurePosixPath(name.replace("\\", "/"))
    ending = path.suffix.lower()
    return PurePosixPath(path.stem).suffix.lower() if ending in _OPENERS else ending


def unpack(content: bytes, name: str, endings: Sequence[str]) -> tuple[bytes, str]:
    """Return the content of a file and the ending of its name, both without compression.

    Args:
        endings: Endings of tables, of which a .zip must hold exactly one.

    Raises:
        UserError: the file is damaged, or a .zip without exactly one table.
    """
    try:
        with opened(io.BytesIO(content), name, endings) as (file, ending):
            return bytes(file.read()), ending
    except DAMAGE as error:
        raise UserError(f"{name} cannot be unpacked: {error}.", "Copy or download it again.") from None


@contextlib.contextmanager
def opened(file: IO[bytes], name: str, endings: Sequence[str]) -> Iterator[tuple[IO[bytes], str]]:
    """Open what a file holds, to be read piece by piece; and give the ending of its name without compression.

    Args:
        file: As it is stored.
        endings: Endings of tables, of which a .zip must hold exactly one.

    Raises:
        UserError: a .zip does not hold exactly one table.
        Exception: one of `DAMAGE`, then or while it is read.
    """
    ending = PurePosixPath(name).suffix.lower()
    if ending == ".zip":
        with zipfile.ZipFile(file) as archive:
            table = _table_in(archive, name, endings)
            with archive.open(table) as stored, opened(stored, table, endings) as inside:
                yield inside
    elif ending in _OPENERS:
        with _OPENERS[ending](file) as unpacked:
            yield unpacked, ending_of(name)
    else:
        yield file, ending


def _table_in(archive: zipfile.ZipFile, name: str, endings: Sequence[str]) -> str:
    files = [
        file
        for file in archive.namelist()
        if not file.endswith("/") and not file.startswith("__MACOSX/") and not _basename(file).startswith(".")
    ]
    tables = [file for file in files if ending_of(file) in endings]
    tables = tables or [file for file in files if ending_of(file) == LINES]
    if len(tables) != 1:
        held = ", ".join(tables or files) or "nothing"
        raise UserError(
            f"{name} must hold exactly one table to be read; it holds {held}.", "Unpack it, and name the table."
        )
    return tables[0]


def _basename(file: str) -> str:
    return PurePosixPath(file).name
