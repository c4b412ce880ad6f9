"""How much a generated text repeats itself, as figures instead of impressions."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.runs.results import TextStatistics


def repeated(words: Sequence[str], length: int) -> list[int]:
    """Where a run of `length` words starts that occurred before in the text."""
    seen: set[tuple[str, ...]] = set()
    starts = []
    for start in range(len(words) - length + 1):
        gram = tuple(words[start : start + length])
        if gram in seen:
            starts.append(start)
        seen.add(gram)
    return starts


def distinct(words: Sequence[str], length: int) -> float:
    """Different runs of `length` words / all of them (distinct-n of Li et al. 2016); 1 where there are none."""
    total = len(words) - length + 1
    return 1 - len(repeated(words, length)) / total if total > 0 else 1.0


def text_statistics(text: str) -> TextStatistics:
    """Repetition figures of a generated text (without its prompt), over its words as split on white space.

    A text shorter than an n-gram holds none, so none of them is repeated: 0 repeated 4-grams, distinct-n of 1. Longer
    texts repeat more words whatever wrote them, so compare texts of about the same length.
    """
    words = text.split()
    return TextStatistics(
        repeated_4_grams=1 - distinct(words, 4), distinct_1=distinct(words, 1), distinct_2=distinct(words, 2)
    )
