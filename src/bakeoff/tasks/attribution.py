"""Attribution: which words moved a classifier's decision, found by removing them from the text.

Leave-one-out attribution (Li et al. 2016, "Understanding neural networks through representation erasure") needs only
a model's probabilities, so every contestant is explained in the same way. A deletion check (comprehensiveness in
DeYoung et al. 2020, "ERASER") tells whether the words it finds are the ones that matter.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from bakeoff.data.graphemes import graphemes
from bakeoff.data.row_texts import Cell, RowTexts, repeated
from bakeoff.data.scripts import IDEOGRAPHS, KANA, SYLLABLES
from bakeoff.data.words import marks
from bakeoff.runs.results import ColumnAttribution, Span, WordAttribution

MOST_QUESTIONS = 250
"""In a text with more distinct words, several neighboring words are removed at a time, which bounds the cost."""

HIGHLIGHTED_WORDS = 8
_NOTICEABLE = 0.01  # log-odds: a word that moves the decision less is not highlighted
_CHECKED_SHARE = 0.2  # of the words, removed by the deletion check
_DRAWS = 20  # random sets of words that the deletion check removes for comparison
_SURE = 1e-12  # probabilities are clipped to this distance from 0 and 1, so that log-odds are finite

_KINDS = re.compile(f"(?P<kana>[{KANA}])|(?P<ideograph>[{IDEOGRAPHS}])|(?P<syllable>[{SYLLABLES}])")
_LONGEST_UNITS = {"kana": 3, "ideograph": 1, "syllable": 3}
"""Most characters of each kind that are removed together."""


class Probabilities(Protocol):
    """A model that returns the probability of every label."""

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]: ...


@dataclass(frozen=True)
class DeletionCheck:
    """The effect of removing the words with the highest contributions, and of removing random words."""

    removed: int  # occurrences removed from the text
    without_top: float  # probability of the predicted label without the words that support it most
    without_random: float  # its mean probability over random draws that remove as many words (or a few more)


@dataclass(frozen=True)
class Explanation:
    """A prediction and the contribution of every word to it."""

    text: str
    label: str
    probability: float  # of the label
    words: list[WordAttribution]  # strongest first, for or against the label
    words_at_once: int  # 1, or more in a long text, where several words are removed at a time
    check: DeletionCheck | None  # None if the text has fewer than two words
    columns: list[ColumnAttribution] = field(default_factory=list)  # strongest first
    out_of_scope: bool | None = None  # the text belongs to no class; None where the data had no such texts


def explain(
    model: Probabilities,
    labels: Sequence[str],
    text: str,
    choose: Callable[[npt.NDArray[np.float64]], int] = lambda row: int(row.argmax()),
    cells: Mapping[str, Cell] | None = None,
    is_out_of_scope: Callable[[npt.NDArray[np.float64]], bool | None] = lambda row: None,
) -> Explanation:
    """Explain the label of a text.

    Args:
        labels: In the order of the model's probabilities.
        choose: Returns the class of a row of probabilities; by default the most probable one.
        cells: Of the columns that the model reads beside the text, by name.
        is_out_of_scope: Tells from a row of probabilities whether the text belongs to no class.
    """
    cells = cells or {}
    of_words = of_row(model, cells)
    row = of_words.probabilities([text])[0]
    label = choose(row)
    words, at_once = contributions(of_words, text, label)
    check = _check(of_words, text, label, words) if len(words) > 1 else None
    columns = column_contributions(model, text, cells, label)
    return Explanation(text, labels[label], float(row[label]), words, at_once, check, columns, is_out_of_scope(row))


@dataclass(frozen=True)
class _OfRow:
    """A model that reads columns, with the cells of one row: all texts that it gets are variants of the row's text."""

    model: Probabilities
    cells: Mapping[str, Cell]

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        return self.model.probabilities(repeated(texts, self.cells))


def of_row(model: Probabilities, cells: Mapping[str, Cell]) -> Probabilities:
    """Return a model of texts alone, which reads the cells of one row with each of them."""
    return _OfRow(model, cells) if cells else model


def column_contributions(
    model: Probabilities, text: str, cells: Mapping[str, Cell], label: int
) -> list[ColumnAttribution]:
    """Return the contribution of each cell to the log-odds of a label, against a missing cell, strongest first."""
    if not cells:
        return []
    columns = {name: [cell, *(None if name == other else cell for other in cells)] for name, cell in cells.items()}
    odds = log_odds(model, RowTexts([text] * (1 + len(cells)), columns), label)
    found = [
        ColumnAttribution(column=name, value=cell, contribution=float(odds[0] - remaining))
        for (name, cell), remaining in zip(cells.items(), odds[1:], strict=True)
    ]
    return sorted(found, key=lambda column: -abs(column.contribution))


def contributions(
    model: Probabilities, text: str, label: int, within: int | None = None
) -> tuple[list[WordAttribution], int]:
    """Return the contribution of each distinct word to the log-odds of a label, strongest first.

    All occurrences of a word are removed together: removing one of two would show little.

    Args:
        within: Only words that end within this many characters are removed; the model still reads the whole text.

    Returns:
        The words, and how many were removed at a time: 1, unless more than `MOST_QUESTIONS` are distinct.
    """
    asked = variants(text, within)
    return asked.contributions(log_odds(model, asked.texts, label).tolist()), asked.words_at_once


@dataclass(frozen=True)
class Variants:
    """A text with and without each of its words: what to ask a model, whose answers tell their contributions."""

    texts: list[str]  # the text itself first
    occurrences: list[list[Span]]  # of the words that are removed from each of the others
    words_at_once: int

    def contributions(self, odds: Sequence[float]) -> list[WordAttribution]:
        """Return the contribution of each word to the log-odds of a label, which are given for each text."""
        words = [
            WordAttribution(word=self.texts[0][slice(*places[0])], spans=places, contribution=odds[0] - remaining)
            for places, remaining in zip(self.occurrences, odds[1:], strict=True)
        ]
        return sorted(words, key=lambda word: -abs(word.contribution))


def variants(text: str, within: int | None = None) -> Variants:
    """Return what to ask about a text; see `contributions`."""
    spans = [span for span in word_spans(text) if within is None or span[1] <= within]
    occurrences, at_once = _occurrences(text, spans)
    return Variants([text, *(without(text, removed) for removed in occurrences)], occurrences, at_once)


def strongest_words(model: Probabilities, text: str, label: int, shown: int) -> list[WordAttribution]:
    """Return the words to highlight in a text: those that moved the decision most, strongest first.

    Args:
        label: Index of the predicted label.
        shown: Number of characters of the text that are shown. Only their words are removed, which bounds the cost.
    """
    words, _ = contributions(model, text, label, within=shown)
    return highlighted(words)


def highlighted(words: Sequence[WordAttribution]) -> list[WordAttribution]:
    """Return those words, of all words by strength, that are shown."""
    return [word for word in words[:HIGHLIGHTED_WORDS] if abs(word.contribution) >= _NOTICEABLE]


def word_spans(text: str) -> list[Span]:
    """Return start and end of every word: a run of characters other than spaces, controls, punctuation and symbols.

    An apostrophe or a hyphen between two such runs belongs to the word. In scripts without spaces between words, a
    Chinese character is a word, and so are up to three kana or Thai, Lao, Khmer or Burmese characters in a row, each
    with its vowels and tones. No word begins or ends inside a character.
    """
    spans = [match.span() for match in _pattern().finditer(text)]
    return spans if text.isascii() else _whole_characters(text, spans)


def _whole_characters(text: str, spans: Sequence[Span]) -> list[Span]:
    """Move the ends of spans out of characters, and cut spans where there are no spaces between words."""
    starts = np.cumsum([0, *map(len, graphemes(text))])
    units: list[Span] = []
    for start, end in spans:
        first, last = np.searchsorted(starts, [start, end]).tolist()  # the next beginning of a character
        units += _unspaced_units(text, starts[first : last + 1].tolist())
    return units


def _unspaced_units(text: str, starts: Sequence[int]) -> list[Span]:
    """Cut a word at its unspaced letters.

    Args:
        starts: Where each character begins, and where the last one ends.
    """
    units: list[Span] = []
    taken, run = 0, ""  # characters in the last unit, and their kind
    for start, end in pairwise(starts):
        kind = _kind(text[start])
        if kind == run and taken < _LONGEST_UNITS.get(kind, len(text)):
            units[-1] = (units[-1][0], end)
            taken += 1
        else:
            units.append((start, end))
            taken, run = 1, kind
    if len(units) < 2:
        return units
    return [unit for unit in units if _pattern().search(text[slice(*unit)])]  # not the hyphen between two characters


def _kind(character: str) -> str:
    match = _KINDS.match(character)
    return match.lastgroup or "" if match else "spaced"


def without(text: str, spans: Sequence[Span]) -> str:
    """Return the text without some spans, which must not overlap."""
    kept, end = [], 0
    for start, stop in sorted(spans):
        kept.append(text[end:start])
        end = stop
    return "".join([*kept, text[end:]])


def _occurrences(text: str, spans: Sequence[Span]) -> tuple[list[list[Span]], int]:
    """Group the spans of each distinct word; of each stretch of several words, if there are too many words."""
    at_once = 1
    while True:
        places: dict[str, list[Span]] = {}
        for first in range(0, len(spans), at_once):
            stretch = spans[first : first + at_once]
            start, end = stretch[0][0], stretch[-1][1]
            places.setdefault(text[start:end].lower(), []).append((start, end))
        if len(places) <= MOST_QUESTIONS:
            return list(places.values()), at_once
        at_once += 1


def _check(model: Probabilities, text: str, label: int, words: Sequence[WordAttribution]) -> DeletionCheck:
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
    remaining = model.probabilities([top_text, *draws])[:, label]
    return DeletionCheck(removed, float(remaining[0]), float(remaining[1:].mean()))


def log_odds(model: Probabilities, texts: Sequence[str], label: int) -> npt.NDArray[np.float64]:
    """Return the log-odds of a label for each text, which are finite."""
    odds: npt.NDArray[np.float64] = logit(np.clip(model.probabilities(texts)[:, label], _SURE, 1 - _SURE))
    return odds


@functools.cache
def _pattern() -> re.Pattern[str]:
    inside = rf"[^\s\x00-\x1f\x7f-\x9f{re.escape(marks())}]+"
    return re.compile(rf"{inside}(?:['’-]{inside})*")
