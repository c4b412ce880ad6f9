"""Texts cut into highlighted and plain pieces, for a page or a terminal to style."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bakeoff.runs.results import WordAttribution


@dataclass(frozen=True)
class Piece:
    """A part of a text. Its contribution is 0 where the text is not highlighted."""

    text: str
    contribution: float = 0.0


def pieces(text: str, words: Iterable[WordAttribution]) -> list[Piece]:
    """Cut a text at the occurrences of some words, which must not overlap. Joined, the pieces are the text."""
    cut: list[Piece] = []
    end = 0
    for (start, stop), contribution in sorted((span, word.contribution) for word in words for span in word.spans):
        cut += [Piece(text[end:start]), Piece(text[start:stop], contribution)]
        end = stop
    return [piece for piece in [*cut, Piece(text[end:])] if piece.text]


def signed_log_odds(value: float) -> str:
    """Format a contribution with its sign: `+1.80`, `−0.90` (a true minus sign)."""
    return f"{value:+.2f}".replace("-", "−")
