"""The size of a file once it is unpacked, which a small file can hide."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path

from bakeoff.data.compression import COMPRESSED, DAMAGE, opened

_CHUNK = 1 << 20
_ROWS = 1024


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
        if file.suffix in COMPRESSED:
            with file.open("rb") as stored, opened(stored, file.name, ()) as (content, _):
                return _is_more((len(chunk) for chunk in iter(lambda: content.read(_CHUNK), b"")), size)
    except DAMAGE:
        return False
    return file.stat().st_size > size


def _is_more(parts: Iterable[int], size: int) -> bool:
    """Return whether the parts are more than `size` together. Takes no more parts than it must."""
    return any(total > size for total in accumulate(parts))
