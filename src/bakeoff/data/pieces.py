"""Number the pieces of texts between white space, in C where a compiler is installed: see native_pieces.c.

Arrow can do the same. With C, splitting long texts into words takes two thirds of the time.
"""

from __future__ import annotations

import ctypes
import functools
import secrets
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bakeoff.compiling import compiled

Ids = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]


def available() -> bool:
    """Return whether native_pieces.c is compiled, after compiling it if need be."""
    return _library() is not None


class PieceTable:
    """The distinct pieces of the texts that were added, in order of first occurrence."""

    def __init__(self) -> None:
        """Make a table without pieces. Its hashes are seeded at random, so that nobody can write texts that collide."""
        self._c = _loaded()
        self._table = self._c.table_new(ctypes.c_uint64(secrets.randbits(64)))
        if not self._table:
            raise MemoryError
        weakref.finalize(self, self._c.table_free, self._table)

    def add(self, texts: Sequence[str]) -> tuple[Ids, Offsets]:
        """Split texts on ASCII white space; return the number of every piece, and how many pieces each text has.

        Raises:
            MemoryError: there is no memory for new pieces, or there are more than 2^31 of them.
        """
        encoded = [text.encode() for text in texts]
        offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum(list(map(len, encoded)), out=offsets[1:])
        ids = np.empty((offsets[-1] + len(encoded)) // 2 + 1, dtype=np.int32)
        counts = np.empty(len(encoded), dtype=np.int64)
        text = b"".join([*encoded, bytes(8)])  # C reads eight bytes at once
        count = self._c.table_add(self._table, text, _at(offsets), len(encoded), _at(ids), _at(counts))
        if count < 0:
            raise MemoryError
        return ids[:count].copy(), counts

    def pieces(self) -> pa.Array:
        """Return the distinct pieces as Arrow's strings."""
        count = self._c.table_count(self._table)
        offsets = np.empty(count + 1, dtype=np.int64)
        text = np.empty(self._c.table_bytes(self._table), dtype=np.uint8)
        self._c.table_read(self._table, _at(text), _at(offsets))
        return pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))


def spell(ids: Ids, offsets: Offsets, words: Ids, word_offsets: Offsets) -> tuple[Ids, Offsets]:
    """Put in place of each piece the words that it consists of.

    Args:
        ids: The pieces of all texts; those of text i are ``ids[offsets[i] : offsets[i + 1]]``.
        words: The words of all distinct pieces; those of piece i are ``words[word_offsets[i] : word_offsets[i + 1]]``.

    Returns:
        The words of all texts, and where those of each begin.
    """
    found = np.empty(len(offsets), dtype=np.int64)
    given = (_at(ids), _at(offsets), len(offsets) - 1, _at(words), _at(word_offsets))
    spelled = np.empty(_loaded().spell(*given, None, _at(found)), dtype=np.int32)
    _loaded().spell(*given, _at(spelled), _at(found))
    return spelled, found


def _at(array: npt.NDArray[Any]) -> int:
    return int(array.ctypes.data)


def _loaded() -> ctypes.CDLL:
    library = _library()
    assert library is not None  # `available` has said so
    return library


@functools.cache
def _library() -> ctypes.CDLL | None:
    library = compiled("native_pieces.c")
    if library is not None:
        address, size = ctypes.c_void_p, ctypes.c_int64
        arguments = {
            "table_new": [ctypes.c_uint64],
            "table_free": [address],
            "table_count": [address],
            "table_bytes": [address],
            "table_read": [address, address, address],
            "table_add": [address, ctypes.c_char_p, address, size, address, address],
            "spell": [address, address, size, address, address, address, address],
        }
        for name, kinds in arguments.items():
            function = getattr(library, name)
            function.argtypes = kinds
            function.restype = {"table_new": address, "table_free": None, "table_read": None}.get(name, size)
    return library
