"""The size of a file once it is unpacked, which a small file can hide."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable
from itertools import accumulate
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20
_ROWS = 1024
_OPENERS: dict[str, Callable[[Path], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".lzma": lzma.open,
}


def is_larger(file: Path, size: int) -> bool:
    """Return whether a file holds more than `size` bytes once it is unpacked; False for damaged ones."""
    try:
        if zipfile.is_zipfile(file):  # spreadsheets are archives, too
            with zipfile.ZipFile(file) as archive:
                return sum(each.file_size for each in archive.infolist()) > size
        if file.suffix == ".parquet":
            import pyarrow.parquet as pq

            # The sizes in its metadata count a value that repeats once.
            with pq.ParquetFile(file) as table:
                return _is_more((batch.nbytes for batch in table.iter_batches(_ROWS)), size)
        if file.suffix == ".zst":
            import pyarrow as pa

            with pa.input_stream(str(file), compression="zstd") as stream:
                return _reads_more(stream, size)
        if (opener := _OPENERS.get(file.suffix)) is not None:
            with opener(file) as stream:
                return _reads_more(stream, size)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile):
        return False
    return file.stat().st_size > size


def _reads_more(stream: Any, size: int) -> bool:
    return _is_more((len(chunk) for chunk in iter(lambda: stream.read(_CHUNK), b"")), size)


def _is_more(parts: Iterable[int], size: int) -> bool:
    """Return whether the parts are more than `size` together. Takes no more parts than it must."""
    return any(total > size for total in accumulate(parts))
