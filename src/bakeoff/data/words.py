"""Tokenize texts into words."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from operator import not_
from typing import Literal

from bakeoff.data.word_ids import TokenizedTexts, encode_words

Punctuation = Literal["strip", "separate"]

_PLANES_WITH_MARKS = 0x20000
"""First code point of the Unicode planes without punctuation: ideographs, variation selectors, private use."""

_REGIONAL = "\U0001f1e6-\U0001f1ff"  # two of them are a flag
_EXTENDERS = "\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\U000e0100-\U000e01ef"  # skin tones, tags, variants
_JOINER = "\u200d"


def tokenize(texts: Sequence[str], punctuation: Punctuation) -> TokenizedTexts:
    """Fold the case of texts, handle punctuation and symbols, and split on white space.

    A mark and what Unicode attaches to it (UAX 29) stay together: a family of emoji, a flag, a skin tone. The rules of
    UAX 29 for the ends of words are not used: on English film reviews, they gain nothing, measured by
    cross-validation. They differ for words such as *it's* and *3.14*.

    Args:
        punctuation: `strip` deletes each mark, so that "it's" becomes *its*; `separate` makes each mark a word of its
            own, and turns the line-break tags of web pages into white space.
    """
    if punctuation == "separate":
        texts = [text.replace("<br />", " ") for text in texts]

    def rewrite(pieces: list[str]) -> list[str]:
        # ASCII pieces are rewritten separately, since Python does that ten times as fast.
        in_ascii = [piece.isascii() for piece in pieces]
        ascii_lines = _rewritten(compress(pieces, in_ascii), punctuation)
        other_lines = _rewritten(compress(pieces, map(not_, in_ascii)), punctuation)
        return [next(ascii_lines if ascii else other_lines) for ascii in in_ascii]

    return encode_words(texts, rewrite)


def _rewritten(pieces: Iterable[str], punctuation: Punctuation) -> Iterator[str]:
    """Rewrite all pieces in one string, joined by line feeds, of which a piece has none."""
    joined = "\n".join(pieces).casefold()
    replacements = _replacements(punctuation)
    if joined.isascii() or not _joining().search(joined):
        return iter(joined.translate(replacements).split("\n"))
    parts = _clusters().split(joined)  # clusters have the odd places
    parts[::2] = [part.translate(replacements) for part in parts[::2]]
    parts[1::2] = ["" if punctuation == "strip" else f" {cluster} " for cluster in parts[1::2]]
    return iter("".join(parts).split("\n"))


@functools.cache
def _replacements(punctuation: Punctuation) -> dict[int, str | None]:
    return {ord(mark): None if punctuation == "strip" else f" {mark} " for mark in marks()}


@functools.cache
def marks() -> str:
    """Return every character that Unicode classifies as punctuation or a symbol."""
    characters = map(chr, range(_PLANES_WITH_MARKS))  # scanning all of Unicode would take a fifth of a second
    return "".join(character for character in characters if unicodedata.category(character)[0] in "PS")


@functools.cache
def extenders() -> str:
    """Return every character that Unicode attaches to the one before it, as the inside of a character class."""
    combining = [
        character for character in map(chr, range(_PLANES_WITH_MARKS)) if unicodedata.category(character)[0] == "M"
    ]
    return "".join(combining) + _EXTENDERS


@functools.cache
def _joining() -> re.Pattern[str]:
    """Return a pattern that is in every string with clusters, and fast to look for."""
    return re.compile(f"[{_REGIONAL}{_JOINER}{extenders()}]")


@functools.cache
def _clusters() -> re.Pattern[str]:
    """Return the pattern of a mark with what is attached to it, or a flag, as a group of its own."""
    mark, extender = f"[{re.escape(marks())}]", f"[{extenders()}]"
    joined = f"{_JOINER}{mark}{extender}*"
    return re.compile(f"([{_REGIONAL}]{{2}}|{mark}(?:{extender}+(?:{joined})*|(?:{joined})+))")
