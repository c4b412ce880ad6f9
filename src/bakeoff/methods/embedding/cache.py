"""Vectors of texts, kept on disk: every text is computed once per model and way of reading it.

A file holds the vectors of many texts, each under the hash of its text. It holds no texts.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from bakeoff.machine import default_cache

MOST_BYTES = 4_000_000_000
"""When the cache is larger, the least recently used files are removed."""

Vectors = npt.NDArray[np.float32]


def cache_folder() -> Path:
    """Return the folder of all cached vectors."""
    return default_cache() / "embeddings"


def digest(*parts: str | bytes | memoryview) -> bytes:
    """Return 16 bytes that name some content."""
    hashed = hashlib.blake2b(digest_size=16)
    for part in parts:
        content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        hashed.update(len(content).to_bytes(8, "little"))
        hashed.update(content)
    return hashed.digest()


class VectorCache:
    """The cached vectors of one model, read in one way."""

    def __init__(self, key: bytes) -> None:
        """
        Args:
            key: Names everything that a vector depends on, besides its text.
        """
        self._folder = cache_folder() / key.hex()

    def read(self, names: Sequence[bytes]) -> tuple[dict[bytes, Vectors], float]:
        """Return the vectors that there are, by digest of their text, and the seconds that computing them took."""
        wanted, found, seconds = set(names), dict[bytes, Vectors](), 0.0
        for path in sorted(self._folder.glob("*.safetensors")) if wanted else []:
            # A file may be removed by another process, or damaged: what it held is computed again.
            with contextlib.suppress(SafetensorError, OSError, KeyError), safe_open(path, framework="numpy") as file:
                rows = [row.tobytes() for row in file.get_tensor("names")]
                here = [row for row, name in enumerate(rows) if name in wanted and name not in found]
                if here:
                    vectors = file.get_tensor("vectors")
                    found |= {rows[row]: vectors[row] for row in here}
                    seconds += float(file.metadata()["seconds"]) * len(here) / len(rows)
                    os.utime(path)
        return found, seconds

    def write(self, names: Sequence[bytes], vectors: Vectors, seconds: float) -> None:
        """Add vectors, shape (texts, values). Does nothing if the disk is full or may not be written.

        Args:
            seconds: How long it took to compute them.
        """
        rows = np.frombuffer(b"".join(names), dtype=np.uint8).reshape(len(names), -1)
        path = self._folder / f"{digest(rows.tobytes()).hex()}.safetensors"
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        with contextlib.suppress(OSError, SafetensorError):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                save_file(
                    {"names": rows, "vectors": np.ascontiguousarray(vectors)},
                    temporary,
                    metadata={"seconds": str(seconds)},
                )
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
            _remove_oldest()


def _remove_oldest() -> None:
    total = 0
    for path in sorted(cache_folder().rglob("*.safetensors"), key=lambda path: -path.stat().st_mtime):
        total += path.stat().st_size
        if total > MOST_BYTES:
            path.unlink(missing_ok=True)
