"""Scripts without spaces between words, such as Chinese or Thai: which texts are in one, and how long they are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bakeoff.data.word_ids import TokenizedTexts

Spacing = Literal["spaced", "ideographs", "syllables"]

KANA = "\u3040-\u30ff"

IDEOGRAPHS = KANA + "\u3005-\u3007\uff66-\uff9f\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Chinese characters and kana, as the inside of a character class: one or two make a word."""

SYLLABLES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Thai, Lao, Burmese, and Khmer letters, as the inside of a character class: several make a word."""

UNSPACED = SYLLABLES + IDEOGRAPHS
"""All letters of scripts without spaces between words, as the inside of a character class."""

UNSPACED_SHARE = 0.2
"""Share of letters from which texts count as unspaced. A foreign name has more letters than a Chinese word."""

_WORDS_LOOKED_AT = 100_000
_CHARACTERS_A_WORD = 2  # roughly, in Chinese and Japanese; a Thai word has more
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


def unspaced_characters(text: str) -> int:
    """Return the number of characters of scripts without spaces between words, combining marks included."""
    return 0 if text.isascii() else len(_UNSPACED.findall(text))


def rough_words(text: str) -> float:
    """Return the number of words: parts between blanks, and about one word in two characters of other scripts."""
    if not (characters := unspaced_characters(text)):
        return len(text.split())
    return len(_UNSPACED.sub(" ", text).split()) + characters / _CHARACTERS_A_WORD


def counted_in_characters(texts: Iterable[str]) -> bool:
    """Return whether most of the characters, without white space, are of scripts without spaces between words."""
    texts = list(texts)
    return 2 * sum(map(unspaced_characters, texts)) > sum(len("".join(text.split())) for text in texts)


def spacing_of(texts: TokenizedTexts) -> Spacing:
    """Return whether the texts are written with spaces between words, and if not, in which kind of script.

    Looks at the first words; the training split is shuffled, so they are a random sample.
    """
    counts = Counter(texts.ids[:_WORDS_LOOKED_AT].tolist())
    ideographs, syllables = unspaced_shares((texts.words[number], count) for number, count in counts.items())
    if ideographs + syllables < UNSPACED_SHARE:
        return "spaced"
    return "ideographs" if ideographs >= syllables else "syllables"
