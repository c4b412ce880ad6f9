"""Scripts that put no blanks between words, where lengths are counted in characters."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Thai, Lao, Burmese, Khmer, kana, Han (with its extensions and compatibility forms). Combining marks are not letters
# of their own to a reader, but are counted: what matters is the order of magnitude.
_WITHOUT_BLANKS = re.compile(
    "[\u0e01-\u0e5b\u0e81-\u0edf\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003134f]"
)
_CHARACTERS_A_WORD = 2  # roughly, in Chinese and Japanese; a Thai word has more


def characters_without_blanks(text: str) -> int:
    """Return how many characters are of a script without blanks between words."""
    return 0 if text.isascii() else len(_WITHOUT_BLANKS.findall(text))


def rough_words(text: str) -> float:
    """Return the number of words: parts between blanks, and about one word in two characters of other scripts."""
    if not (characters := characters_without_blanks(text)):
        return len(text.split())
    return len(_WITHOUT_BLANKS.sub(" ", text).split()) + characters / _CHARACTERS_A_WORD


def counted_in_characters(texts: Iterable[str]) -> bool:
    """Return whether most of the characters, without white space, are of scripts without blanks between words."""
    texts = list(texts)
    return 2 * sum(map(characters_without_blanks, texts)) > sum(len("".join(text.split())) for text in texts)
