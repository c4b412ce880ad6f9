"""From texts to words, once: every later step works on numbers."""

from __future__ import annotations

import functools
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np
import numpy.typing as npt

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


class _Cache(dict[str, tuple[int, ...]]):
    """Piece of text between white space -> numbers of its words. Each distinct piece is taken apart only once."""

    def __init__(self, split: Callable[[str], list[str]]) -> None:
        self._split = split
        self.numbers: dict[str, int] = {}

    def __missing__(self, piece: str) -> tuple[int, ...]:
        found = tuple(self.numbers.setdefault(word, len(self.numbers)) for word in self._split(piece))
        self[piece] = found
        return found


def tokenise(texts: Sequence[str], punctuation: Punctuation) -> TokenisedTexts:
    """Lower the case, treat punctuation and symbols by the rule, and split on white space.

    Args:
        punctuation: `strip` deletes each mark, so that "it's" becomes *its* (the lab's rule); `separate` makes each
            mark a word of its own, and the line-break tags of web pages white space.
    """
    if punctuation == "strip":
        table: dict[int, str | None] = dict.fromkeys(map(ord, marks()))
    else:
        table = {ord(mark): f" {mark} " for mark in marks()}
        texts = [text.replace("<br />", " ") for text in texts]
    cache = _Cache(lambda piece: piece.translate(table).split())
    encoded = [
        np.fromiter(chain.from_iterable(map(cache.__getitem__, text.lower().split())), dtype=np.int32) for text in texts
    ]
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(numbers) for numbers in encoded], out=offsets[1:])
    numbers = np.concatenate(encoded) if encoded else np.zeros(0, dtype=np.int32)
    return TokenisedTexts(list(cache.numbers), numbers, offsets)


@functools.cache
def marks() -> str:
    """Every character that Unicode calls punctuation or a symbol."""
    characters = map(chr, range(sys.maxunicode + 1))
    return "".join(character for character in characters if unicodedata.category(character)[0] in "PS")
