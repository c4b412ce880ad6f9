"""Tell texts of scripts without spaces between words, such as Chinese or Thai, from others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from bakeoff.data.word_ids import TokenizedTexts

Spacing = Literal["spaced", "ideographs", "syllables"]

KANA = "\u3040-\u30ff"

IDEOGRAPHS = KANA + "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Chinese characters and kana, as the inside of a character class: one or two make a word."""

SYLLABLES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Thai, Lao, Burmese, and Khmer letters, as the inside of a character class: several make a word."""

UNSPACED = SYLLABLES + IDEOGRAPHS
"""All letters of scripts without spaces between words, as the inside of a character class."""

UNSPACED_SHARE = 0.2
"""Share of letters from which texts count as unspaced. A foreign name has more letters than a Chinese word."""

_WORDS_LOOKED_AT = 100_000
_IDEOGRAPHS = re.compile(f"[{IDEOGRAPHS}]")
_UNSPACED = re.compile(f"[{UNSPACED}]")
_SYLLABLES = re.compile(f"[{SYLLABLES}]")


def unspaced_shares(words: Iterable[tuple[str, int]]) -> tuple[float, float]:
    """Return the shares of ideographs and of letters of unspaced alphabets among all letters, each 0 to 1.

    Args:
        words: Distinct words and how often each occurs.
    """
    letters = ideographs = syllables = 0
    for word, count in words:
        own = sum(map(str.isalpha, word))
        if not word.isascii():
            those, these = len(_IDEOGRAPHS.findall(word)), len(_SYLLABLES.findall(word))
            own = max(own, those + these)  # Thai vowels above and below a letter are no letters to Python
            ideographs += count * those
            syllables += count * these
        letters += count * own
    return ideographs / max(letters, 1), syllables / max(letters, 1)


def is_unspaced(word: str) -> bool:
    """Return whether a word has a letter of a script without spaces between words."""
    return not word.isascii() and _UNSPACED.search(word) is not None


def spacing_of(texts: TokenizedTexts) -> Spacing:
    """Return whether the texts are written with spaces between words, and if not, in which kind of script.

    Looks at the first words; the training split is shuffled, so they are a random sample.
    """
    counts = Counter(texts.ids[:_WORDS_LOOKED_AT].tolist())
    ideographs, syllables = unspaced_shares((texts.words[number], count) for number, count in counts.items())
    if ideographs + syllables < UNSPACED_SHARE:
        return "spaced"
    return "ideographs" if ideographs >= syllables else "syllables"
