"""Texts as numbers of their distinct words. Arrow finds the distinct pieces of text; only those are looked into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as compute

Numbers = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TokenisedTexts:
    """Texts as numbers of their distinct words, one text after the other.

    The words of text i are ``[words[n] for n in numbers[offsets[i] : offsets[i + 1]]]``.
    """

    words: list[str]  # distinct, in the order in which they were met
    numbers: Numbers  # indices into `words`, shape (all words of all texts,)
    offsets: Offsets  # shape (texts + 1,)


def number_words(texts: Sequence[str], rewrite: Callable[[list[str]], list[str]]) -> TokenisedTexts:
    """Split texts on white space, and each piece into words.

    Args:
        rewrite: Takes the distinct pieces, none of which holds white space, and gives for each its words, parted by
            white space.
    """
    pieces, piece_numbers, piece_offsets = _distinct(texts)
    words, word_numbers, word_offsets = _distinct(rewrite(pieces))

    # Every piece is replaced by its words: where those begin in the result, and in `word_numbers`.
    counts = np.diff(word_offsets)[piece_numbers]
    begins = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
    shifts = np.repeat(word_offsets[piece_numbers] - begins[:-1], counts)
    return TokenisedTexts(words, word_numbers[np.arange(len(shifts)) + shifts].astype(np.int32), begins[piece_offsets])


def _distinct(texts: Sequence[str]) -> tuple[list[str], Offsets, Offsets]:
    """What stands between white space: the distinct pieces, their numbers text by text, and where each text begins."""
    # Arrow looks at the byte after white space even where the last text has ended: a piece of heap, unless one more
    # text ends with something else.
    split = compute.utf8_split_whitespace(pa.array([*texts, "end"], type=pa.large_string()))[:-1]
    pieces = split.flatten()
    real = compute.not_equal(pieces, "")  # Arrow has an empty piece before, after and for want of white space
    encoded = compute.dictionary_encode(pieces.filter(real))
    real_before = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(real.to_numpy(zero_copy_only=False))])
    numbers = encoded.indices.to_numpy().astype(np.int64)
    return encoded.dictionary.to_pylist(), numbers, real_before[split.offsets.to_numpy()]
