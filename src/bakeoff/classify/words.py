"""From texts to words, once: every later step works on numbers."""

from __future__ import annotations

import functools
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as compute

Punctuation = Literal["strip", "separate"]
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


def tokenise(texts: Sequence[str], punctuation: Punctuation) -> TokenisedTexts:
    """Lower the case, treat punctuation and symbols by the rule, and split on white space.

    Arrow finds the distinct pieces between white space; only those are taken apart, each once.

    Args:
        punctuation: `strip` deletes each mark, so that "it's" becomes *its* (the lab's rule); `separate` makes each
            mark a word of its own, and the line-break tags of web pages white space.
    """
    if punctuation == "separate":
        texts = [text.replace("<br />", " ") for text in texts]
    pieces, piece_numbers, piece_offsets = _distinct_words(pa.array(texts, type=pa.large_string()))
    # Line feeds are white space, so that none stands in a piece.
    lines = "\n".join(pieces.to_pylist()).lower().translate(_replacements(punctuation)).split("\n")
    words, word_numbers, word_offsets = _distinct_words(pa.array(lines[: len(pieces)], type=pa.large_string()))

    # Every piece is replaced by its words: where those begin in the result, and in `word_numbers`.
    counts = np.diff(word_offsets)[piece_numbers]
    begins = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
    shifts = np.repeat(word_offsets[piece_numbers] - begins[:-1], counts)
    return TokenisedTexts(
        words.to_pylist(), word_numbers[np.arange(len(shifts)) + shifts].astype(np.int32), begins[piece_offsets]
    )


def _distinct_words(texts: pa.Array) -> tuple[pa.Array, Offsets, Offsets]:
    """What stands between white space: the distinct words, their numbers text by text, and where each text begins."""
    split = compute.utf8_split_whitespace(texts)
    pieces = split.flatten()
    real = compute.not_equal(pieces, "")  # Arrow has an empty piece before, after and for want of white space
    encoded = compute.dictionary_encode(pieces.filter(real))
    real_before = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(real.to_numpy(zero_copy_only=False))])
    return encoded.dictionary, encoded.indices.to_numpy().astype(np.int64), real_before[split.offsets.to_numpy()]


@functools.cache
def _replacements(punctuation: Punctuation) -> dict[int, str]:
    return {ord(mark): "" if punctuation == "strip" else f" {mark} " for mark in marks()}


def marks() -> str:
    """Every character that Unicode calls punctuation or a symbol."""
    characters = map(chr, range(sys.maxunicode + 1))
    return "".join(character for character in characters if unicodedata.category(character)[0] in "PS")
