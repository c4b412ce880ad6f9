"""From texts to words, once: every later step works on numbers."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from operator import not_
from typing import Literal

from bakeoff.data.word_ids import TokenizedTexts, number_words

Punctuation = Literal["strip", "separate"]

_PLANES_WITH_MARKS = 0x20000
"""The planes from here on hold ideographs, variation selectors and what anybody defines."""


def tokenize(texts: Sequence[str], punctuation: Punctuation) -> TokenizedTexts:
    """Lower the case, treat punctuation and symbols by the rule, and split on white space.

    Args:
        punctuation: `strip` deletes each mark, so that "it's" becomes *its* (the lab's rule); `separate` makes each
            mark a word of its own, and the line-break tags of web pages white space.
    """
    if punctuation == "separate":
        texts = [text.replace("<br />", " ") for text in texts]

    def rewrite(pieces: list[str]) -> list[str]:
        # Those in ASCII by themselves: Python rewrites them ten times as fast.
        in_ascii = [piece.isascii() for piece in pieces]
        ascii_lines = _rewritten(compress(pieces, in_ascii), punctuation)
        other_lines = _rewritten(compress(pieces, map(not_, in_ascii)), punctuation)
        return [next(ascii_lines if ascii else other_lines) for ascii in in_ascii]

    return number_words(texts, rewrite)


def _rewritten(pieces: Iterable[str], punctuation: Punctuation) -> Iterator[str]:
    """All at once: line feeds are white space, so that none stands in a piece."""
    return iter("\n".join(pieces).lower().translate(_replacements(punctuation)).split("\n"))


@functools.cache
def _replacements(punctuation: Punctuation) -> dict[int, str | None]:
    return {ord(mark): None if punctuation == "strip" else f" {mark} " for mark in marks()}


@functools.cache
def marks() -> str:
    """Every character that Unicode calls punctuation or a symbol."""
    characters = map(chr, range(_PLANES_WITH_MARKS))  # all of Unicode would take a fifth of a second
    return "".join(character for character in characters if unicodedata.category(character)[0] in "PS")
