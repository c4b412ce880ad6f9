"""Rows of tokens for the model, and the pieces of documents that they predict.

Nothing here runs a model. `docs/explanation/perplexity.md` compares the protocols that make these plans.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bakeoff.lm.tokens import Ids, Tokens


@dataclass(frozen=True)
class Row:
    """Tokens that the model sees at once, and the tokens that it predicts."""

    inputs: Ids
    targets: Ids
    places: Ids | None = None  # of the inputs that predict the targets, ascending; None: the last ones

    @property
    def predicting(self) -> Ids:
        """Return the places of the inputs that predict the targets, one each."""
        if self.places is not None:
            return self.places
        return np.arange(len(self.inputs) - len(self.targets), len(self.inputs))


@dataclass(frozen=True)
class Piece:
    """A part of one document that is predicted in one row."""

    document: str
    number: int  # of the window, or of the line in its document
    row: int
    first: int  # of the row's targets
    last: int  # exclusive
    weight: int  # tokens that the protocol divides by
    words: int  # words and bytes of the original text whose last character lies in the predicted tokens
    bytes: int


@dataclass(frozen=True)
class ScoringPlan:
    """Everything to score under one protocol."""

    protocol: str  # with its settings: `window(context=1024, stride=512)`
    rows: list[Row]
    pieces: list[Piece]


def text_counter(text: str, tokens: Tokens) -> Callable[[int, int], tuple[int, int]]:
    """Return a function that counts the words and UTF-8 bytes of the text of tokens `first` to `last` (exclusive).

    Words are split on white space. The counts of consecutive parts add up to those of the whole text: a word belongs
    to the part where it ends.
    """
    word_ends: npt.NDArray[np.int64] = np.array([word.end() for word in re.finditer(r"\S+", text)], dtype=np.int64)
    edges = np.append(tokens.starts, len(text))
    edges[0] = 0

    def count(first: int, last: int) -> tuple[int, int]:
        begin, end = edges[first], edges[last]
        words = np.searchsorted(word_ends, end, side="right") - np.searchsorted(word_ends, begin, side="right")
        return int(words), len(text[begin:end].encode("utf-8"))

    return count
