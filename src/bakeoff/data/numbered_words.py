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
            white space; nothing for the empty piece.
    """
    # Arrow looks at the byte after white space even where the last text has ended: a piece of heap, unless one more
    # text ends with something else.
    split = compute.utf8_split_whitespace(pa.array([*texts, "end"], type=pa.large_string()))[:-1]
    # Among the pieces is an empty one: Arrow has it before, after and for want of white space.
    encoded = compute.dictionary_encode(split.flatten())
    numbers: dict[str, int] = {}
    words, lengths = [], []  # of the distinct pieces, one after the other
    for line in rewrite(encoded.dictionary.to_pylist()):
        found = line.split()
        words += [numbers.setdefault(word, len(numbers)) for word in found]
        lengths.append(len(found))

    # Every piece is replaced by its words: where those begin in the result, and in `words`.
    pieces = encoded.indices.to_numpy()
    counts = np.array(lengths, dtype=np.int64)
    word_offsets = np.cumsum(counts) - counts
    piece_counts = counts[pieces]
    begins = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(piece_counts)])
    shifts = np.repeat(word_offsets[pieces] - begins[:-1], piece_counts)
    word_numbers = np.array(words, dtype=np.int32)[np.arange(len(shifts)) + shifts]
    return TokenisedTexts(list(numbers), word_numbers, begins[split.offsets.to_numpy()])
