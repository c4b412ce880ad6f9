"""Which words moved a classifier's decision: leave them out, and see what it says then.

Leaving words out (Li et al. 2016, "Understanding neural networks through representation erasure") asks nothing of a
model but its probabilities, so that all contestants are explained alike. Whether the words found are the ones that
count is checked by deletion (DeYoung et al. 2020, "ERASER", there called comprehensiveness).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from bakeoff.data.words import marks

MOST_QUESTIONS = 250
"""Texts with more different words are left out in stretches of several words, so that the cost is bounded."""

_CHECKED_SHARE = 0.2  # of the words are removed to check an explanation
_DRAWS = 20  # of random words, for comparison
_SURE = 1e-12  # a probability nearer to 0 or 1 counts as this near, so that its log-odds are finite

Span = tuple[int, int]


class Probabilities(Protocol):
    """What is asked of a model."""

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]: ...


@dataclass(frozen=True)
class WordContribution:
    """What a word did, wherever it stands in the text."""

    word: str  # as it stands there first; several words where the text was too long for single ones
    spans: list[Span]  # start and end of each place, in characters of the text
    contribution: (
        float  # log-odds of the predicted label with the word minus without it: above 0 it spoke for the label
    )


@dataclass(frozen=True)
class DeletionCheck:
    """Removing the words with the highest contributions, beside removing random ones."""

    removed: int  # places in the text that were taken out
    without_top: float  # probability of the predicted label without the words that speak for it most
    without_random: float  # mean probability of it over random draws of as many words (or a few more)


@dataclass(frozen=True)
class Explanation:
    """A prediction and the words that moved it."""

    text: str
    label: str
    probability: float  # of the label
    words: list[WordContribution]  # the strongest first, whether for or against the label
    words_at_once: int  # 1, or more in a long text whose words were left out several at a time
    check: DeletionCheck | None  # None where the text has fewer than two words


def explain(model: Probabilities, labels: Sequence[str], text: str) -> Explanation:
    """Explain the most probable label of a text.

    Args:
        labels: In the order of the model's probabilities.
    """
    row = model.probabilities([text])[0]
    label = int(row.argmax())
    words, at_once = contributions(model, text, label)
    check = _check(model, text, label, words) if len(words) > 1 else None
    return Explanation(text, labels[label], float(row[label]), words, at_once, check)


def contributions(
    model: Probabilities, text: str, label: int, within: int | None = None
) -> tuple[list[WordContribution], int]:
    """The contribution of each different word to the log-odds of a label, the strongest first.

    A word that occurs several times is left out everywhere at once: leaving out one of two would show little.

    Args:
        within: Only words that end within so many characters are examined; the model reads the whole text.

    Returns:
        The words, and how many were left out at a time: 1, unless more than `MOST_QUESTIONS` differ.
    """
    spans = [span for span in word_spans(text) if within is None or span[1] <= within]
    places, at_once = _places(text, spans)
    texts = [text, *(without(text, where) for where in places)]
    odds = _log_odds(model, texts, label)
    found = [
        WordContribution(text[slice(*where[0])], where, float(odds[0] - left))
        for where, left in zip(places, odds[1:], strict=True)
    ]
    return sorted(found, key=lambda word: -abs(word.contribution)), at_once


def word_spans(text: str) -> list[Span]:
    """Start and end of every word: characters that are neither space nor control, punctuation nor symbol.

    An apostrophe or a hyphen between two of them belongs to the word.
    """
    return [match.span() for match in _pattern().finditer(text)]


def without(text: str, spans: Sequence[Span]) -> str:
    """The text without some places, which do not overlap."""
    kept, end = [], 0
    for start, stop in sorted(spans):
        kept.append(text[end:start])
        end = stop
    return "".join([*kept, text[end:]])


def _places(text: str, spans: Sequence[Span]) -> tuple[list[list[Span]], int]:
    """Where each different word stands; or each stretch of several words, if there would be too many."""
    at_once = 1
    while True:
        found: dict[str, list[Span]] = {}
        for first in range(0, len(spans), at_once):
            stretch = spans[first : first + at_once]
            start, end = stretch[0][0], stretch[-1][1]
            found.setdefault(text[start:end].lower(), []).append((start, end))
        if len(found) <= MOST_QUESTIONS:
            return list(found.values()), at_once
        at_once += 1


def _check(model: Probabilities, text: str, label: int, words: Sequence[WordContribution]) -> DeletionCheck:
    count = max(1, round(_CHECKED_SHARE * len(words)))
    top = sorted(words, key=lambda word: -word.contribution)[:count]
    removed = sum(len(word.spans) for word in top)
    random = np.random.default_rng(0)
    draws = []
    for _ in range(_DRAWS):
        drawn: list[Span] = []
        for index in random.permutation(len(words)):
            if len(drawn) >= removed:
                break
            drawn += words[index].spans
        draws.append(without(text, drawn))
    top_text = without(text, [span for word in top for span in word.spans])
    left = model.probabilities([top_text, *draws])[:, label]
    return DeletionCheck(removed, float(left[0]), float(left[1:].mean()))


def _log_odds(model: Probabilities, texts: Sequence[str], label: int) -> npt.NDArray[np.float64]:
    odds: npt.NDArray[np.float64] = logit(np.clip(model.probabilities(texts)[:, label], _SURE, 1 - _SURE))
    return odds


@functools.cache
def _pattern() -> re.Pattern[str]:
    inside = rf"[^\s\x00-\x1f\x7f-\x9f{re.escape(marks())}]+"
    return re.compile(rf"{inside}(?:['’-]{inside})*")
