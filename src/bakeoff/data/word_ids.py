"""Texts as ids of their distinct words. Arrow finds the distinct pieces of text; only those are looked into."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as compute

from bakeoff import machine

Numbers = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]

_TEXTS_AT_ONCE = 1_000
"""Texts of a part; each thread takes the next part. Larger ones would do no better, and take more memory."""


@dataclass(frozen=True)
class TokenizedTexts:
    """Texts as ids of their distinct words, one text after the other.

    The words of text i are ``[words[n] for n in ids[offsets[i] : offsets[i + 1]]]``.
    """

    words: list[str]  # distinct, in the order in which they were met
    ids: Numbers  # indices into `words`, shape (all words of all texts,)
    offsets: Offsets  # shape (texts + 1,)

    def of(self, rows: Offsets) -> TokenizedTexts:
        """Some of the texts, in this order."""
        return self.pieces(self.offsets[:-1][rows], self.offsets[1:][rows])

    def pieces(self, starts: Offsets, ends: Offsets) -> TokenizedTexts:
        """The texts ``ids[starts[i] : ends[i]]``."""
        offsets = offsets_of(ends - starts)
        return TokenizedTexts(self.words, self.ids[positions(starts, offsets)], offsets)


def number_words(texts: Sequence[str], rewrite: Callable[[list[str]], list[str]]) -> TokenizedTexts:
    """Split texts on white space, and each piece into words.

    Args:
        rewrite: Takes the distinct pieces, none of which holds white space, and gives for each its words, parted by
            white space; nothing for the empty piece.
    """
    pieces = _split(texts)
    words = _without_empty(_split(rewrite(pieces.words)))
    # Every piece is replaced by its words: where those begin in the result, and in `words`.
    counts = np.diff(words.offsets).astype(np.int32)[pieces.ids]
    begins = offsets_of(counts)
    first = words.offsets[:-1].astype(np.int32)[pieces.ids]
    places: Numbers | Offsets = first[counts > 0] if counts.max(initial=0) <= 1 else positions(first, begins)
    return TokenizedTexts(words.words, words.ids[places], begins[pieces.offsets])


def _split(texts: Sequence[str]) -> TokenizedTexts:
    """Texts as what stands between white space. One of the pieces may be empty: before, after or for want of it."""
    parts = [texts[start : start + _TEXTS_AT_ONCE] for start in range(0, max(len(texts), 1), _TEXTS_AT_ONCE)]
    if len(parts) == 1:  # a few texts, such as those of one question, are split sooner than a thread starts
        split = [_split_part(parts[0])]
    else:
        with machine.all_cores(), ThreadPoolExecutor(min(len(parts), os.cpu_count() or 1)) as threads:
            split = list(threads.map(_split_part, parts))
    pieces = pa.chunked_array([encoded for encoded, _ in split]).unify_dictionaries()
    lengths = np.concatenate([np.diff(offsets) for _, offsets in split])
    ids = np.concatenate([chunk.indices.to_numpy() for chunk in pieces.chunks])
    return TokenizedTexts(pieces.chunk(0).dictionary.to_pylist(), ids, offsets_of(lengths))


def _split_part(texts: Sequence[str]) -> tuple[pa.DictionaryArray, Offsets]:
    # Arrow looks at the byte after white space even where the last text has ended: a piece of heap, unless one more
    # text ends with something else.
    split = compute.utf8_split_whitespace(pa.array([*texts, "end"], type=pa.large_string()))[:-1]
    return compute.dictionary_encode(split.flatten()), split.offsets.to_numpy()


def _without_empty(split: TokenizedTexts) -> TokenizedTexts:
    if "" not in split.words:
        return split
    empty = split.words.index("")
    kept = split.ids != empty
    ids = split.ids[kept]
    ids -= ids > empty
    words = [word for word in split.words if word]
    return TokenizedTexts(words, ids, offsets_of(kept)[split.offsets])


def offsets_of(lengths: npt.NDArray[Any]) -> Offsets:
    """Where each of some pieces begins, one after the other, and where the last one ends."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)])


def positions(starts: npt.NDArray[Any], offsets: Offsets) -> Offsets:
    """Where the members of some pieces stand: those of piece i from ``starts[i]``, ``offsets`` being `offsets_of`."""
    found: Offsets = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], np.diff(offsets))
    return found
