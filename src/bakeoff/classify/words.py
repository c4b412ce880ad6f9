"""From texts to words, once: every later step works on numbers."""

from __future__ import annotations

import functools
import sys
import unicodedata
from collections.abc import Sequence
from typing import Literal

from bakeoff.data.numbered_words import TokenisedTexts, number_words

Punctuation = Literal["strip", "separate"]


def tokenise(texts: Sequence[str], punctuation: Punctuation) -> TokenisedTexts:
    """Lower the case, treat punctuation and symbols by the rule, and split on white space.

    Args:
        punctuation: `strip` deletes each mark, so that "it's" becomes *its* (the lab's rule); `separate` makes each
            mark a word of its own, and the line-break tags of web pages white space.
    """
    if punctuation == "separate":
        texts = [text.replace("<br />", " ") for text in texts]

    def rewrite(pieces: list[str]) -> list[str]:
        # All at once: line feeds are white space, so that none stands in a piece.
        lines = "\n".join(pieces).lower().translate(_replacements(punctuation)).split("\n")
        return lines[: len(pieces)]

    return number_words(texts, rewrite)


@functools.cache
def _replacements(punctuation: Punctuation) -> dict[int, str]:
    return {ord(mark): "" if punctuation == "strip" else f" {mark} " for mark in marks()}


@functools.cache
def marks() -> str:
    """Every character that Unicode calls punctuation or a symbol."""
    characters = map(chr, range(sys.maxunicode + 1))
    return "".join(character for character in characters if unicodedata.category(character)[0] in "PS")
