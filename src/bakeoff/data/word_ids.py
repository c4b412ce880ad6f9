"""Turn texts into word ids. C or Arrow finds the distinct pieces between white space; Python tokenizes only those."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as compute

from bakeoff import machine
from bakeoff.data import pieces
from bakeoff.data.pieces import Ids, Offsets, PieceTable

_CHARACTERS_AT_ONCE = 1 << 20
"""Characters that a thread splits at a time. Arrow makes a dictionary for each part: there are fewer where parts are
large, but the dictionary of a larger part would not fit into the cache."""

_PIECES_AT_ONCE = 1 << 20
"""Pieces replaced by their words at a time, which bounds the memory of intermediate results."""

_Split = tuple[pa.DictionaryArray, Offsets]  # the pieces of all texts of a part, and where those of each begin


@dataclass(frozen=True)
class TokenizedTexts:
    """Texts as word ids, one text after the other.

    The words of text i are ``[words[id] for id in ids[offsets[i] : offsets[i + 1]]]``.
    """

    words: list[str]  # distinct, in order of first occurrence
    ids: Ids  # indices into `words`, shape (all words of all texts,)
    offsets: Offsets  # shape (texts + 1,)

    def of(self, rows: Offsets) -> TokenizedTexts:
        """Return some of the texts, in this order."""
        return self.pieces(self.offsets[:-1][rows], self.offsets[1:][rows])

    def pieces(self, starts: Offsets, ends: Offsets) -> TokenizedTexts:
        """Return the texts ``ids[starts[i] : ends[i]]``."""
        offsets = offsets_of(ends - starts)
        return TokenizedTexts(self.words, self.ids[positions(starts, offsets)], offsets)


def encode_words(texts: Sequence[str], rewrite: Callable[[list[str]], list[str]]) -> TokenizedTexts:
    """Split texts on white space, and each piece into words.

    Args:
        rewrite: Takes the distinct pieces, none of which holds a blank, a tab or a line end, and returns for each its
            words, separated by white space; an empty string for the empty piece.
    """
    # Other white space, such as no-break spaces, is rare. Looking for it in the distinct pieces alone is faster.
    in_c = pieces.available()
    found = _split(texts, _numbered if in_c else partial(_split_parts, compute.ascii_split_whitespace))
    words = _without_empty(_split(rewrite(found.words), partial(_split_parts, compute.utf8_split_whitespace)))
    ids, offsets = (pieces.spell if in_c else _spell)(found.ids, found.offsets, words.ids, words.offsets)
    if len(found.ids) > _PIECES_AT_ONCE:
        machine.give_blocks_back()  # what splitting took is as much as all that follows
    return TokenizedTexts(words.words, ids, offsets)


def _spell(ids: Ids, offsets: Offsets, words: Ids, word_offsets: Offsets) -> tuple[Ids, Offsets]:
    """Do what `pieces.spell` does, without C."""
    counts = np.diff(word_offsets).astype(np.int32)  # of the words in each distinct piece
    found = offsets_of(counts[ids])[offsets]
    spelled = np.empty(found[-1], dtype=np.int32)
    end = 0
    for start in range(0, len(ids), _PIECES_AT_ONCE):
        some = ids[start : start + _PIECES_AT_ONCE]
        own = words[positions(word_offsets[some], offsets_of(counts[some]))]
        spelled[end : end + len(own)] = own
        end += len(own)
    return spelled, found


def _split(texts: Sequence[str], split_parts: Callable[[list[Sequence[str]]], list[_Split]]) -> TokenizedTexts:
    """Split texts on white space. One of the distinct pieces may be empty: around leading or trailing white space.

    Args:
        split_parts: Splits some parts of the texts, one after the other.
    """
    parts = _parts(texts)
    cores = min(len(parts), os.cpu_count() or 1)
    if cores == 1:  # splitting a few texts, such as those of one request, takes less time than starting a thread
        split = split_parts(parts)
    else:
        bounds = [len(parts) * core // cores for core in range(cores + 1)]
        shares = [parts[start:end] for start, end in pairwise(bounds)]
        with machine.all_cores(), ThreadPoolExecutor(cores) as threads:
            split = list(chain.from_iterable(threads.map(split_parts, shares)))
    unified = pa.chunked_array([encoded for encoded, _ in split]).unify_dictionaries()
    lengths = np.concatenate([np.diff(offsets) for _, offsets in split])
    ids = np.concatenate([_numbers(chunk.indices) for chunk in unified.chunks])
    return TokenizedTexts(unified.chunk(0).dictionary.to_pylist(), ids, offsets_of(lengths))


def _parts(texts: Sequence[str]) -> list[Sequence[str]]:
    """Divide texts into parts of about `_CHARACTERS_AT_ONCE`; one part where there are few texts, or none."""
    ends = offsets_of(np.array(list(map(len, texts)), dtype=np.int64))
    first = np.searchsorted(ends, np.arange(0, ends[-1], _CHARACTERS_AT_ONCE))
    parts = [texts[start:end] for start, end in pairwise(np.unique(np.append(first, len(texts))).tolist())]
    return parts or [texts]


def _numbered(parts: list[Sequence[str]]) -> list[_Split]:
    """Split parts on ASCII white space in C, with one dictionary for all."""
    table = PieceTable()
    numbered = [table.add(part) for part in parts]
    ids = np.concatenate([ids for ids, _ in numbered])
    offsets = offsets_of(np.concatenate([counts for _, counts in numbered]))
    indices = pa.Array.from_buffers(pa.int32(), len(ids), [None, pa.py_buffer(ids)])
    return [(pa.DictionaryArray.from_arrays(indices, table.pieces()), offsets)]


def _split_parts(split_arrow: Callable[[pa.Array], pa.Array], parts: list[Sequence[str]]) -> list[_Split]:
    """Split parts with a function of Arrow, each with a dictionary of its own."""
    split = []
    for part in parts:
        # Where the last text ends in white space, Arrow reads one byte beyond it. An extra text that does not end in
        # white space keeps that read inside the buffer.
        found = split_arrow(_arrow_strings([*part, "end"]))[:-1]
        split.append((compute.dictionary_encode(found.flatten()), _numbers(found.offsets)))
    return split


def _arrow_strings(texts: Sequence[str]) -> pa.Array:
    """Return `texts` as an Arrow array.

    `pa.array` would do, but it imports pandas, which takes longer than everything else in `bakeoff predict`.
    """
    encoded = [text.encode() for text in texts]
    offsets = offsets_of(np.array([len(text) for text in encoded]))
    return pa.LargeStringArray.from_buffers(len(encoded), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))


def _numbers(array: pa.Array) -> npt.NDArray[Any]:
    """Return Arrow's numbers without copying them. `to_numpy` would import pandas."""
    return np.from_dlpack(array)


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
    """Return the start of each of some consecutive pieces, and the end of the last, shape (pieces + 1,)."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    offsets[1:] = lengths
    np.cumsum(offsets, out=offsets)  # in place: there is one for every word of all texts
    return offsets


def positions(starts: npt.NDArray[Any], offsets: Offsets) -> Ids | Offsets:
    """Return the positions of the members of some pieces, consecutive from ``starts[i]`` for piece i.

    Args:
        offsets: `offsets_of` the lengths of the pieces.
    """
    first = starts - offsets[:-1]
    small = max(offsets[-1], starts.max(initial=0) + offsets[-1]) < 2**31  # half the memory for the words of all texts
    places: Ids | Offsets = np.repeat(first.astype(np.int32 if small else np.int64), np.diff(offsets))
    places += np.arange(offsets[-1], dtype=places.dtype)
    return places
