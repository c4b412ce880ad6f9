"""Characters as readers see them: a letter with its accents, a Thai consonant with its vowel, a family of emoji."""

from __future__ import annotations

import functools
from typing import Any


def graphemes(text: str) -> list[str]:
    """Return the extended grapheme clusters of a text (UAX 29). Joined, they are the text."""
    if text.isascii() and "\r" not in text:
        return list(text)
    characters: list[str] = _cluster().findall(text)
    return characters


@functools.cache
def _cluster() -> Any:
    import regex

    return regex.compile(r"\X")
