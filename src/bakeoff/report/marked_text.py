"""Texts with the words that moved a decision, as pieces for a page or a terminal to dress."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bakeoff.runs.results import Mark, Sample


@dataclass(frozen=True)
class Piece:
    """A part of a text, and what it contributes if it is a marked word; 0 if not."""

    text: str
    contribution: float = 0.0


def pieces(text: str, marks: Iterable[Mark]) -> list[Piece]:
    """Cut a text at its marks, which do not overlap; joined the pieces are the text."""
    found: list[Piece] = []
    end = 0
    for mark in sorted(marks, key=lambda mark: mark.start):
        found += [Piece(text[end : mark.start]), Piece(text[mark.start : mark.end], mark.contribution)]
        end = mark.end
    return [piece for piece in [*found, Piece(text[end:])] if piece.text]


def marked_pieces(sample: Sample) -> list[Piece]:
    return pieces(sample.prompt, sample.marks)


def marked_words(sample: Sample) -> list[Piece]:
    """Each different marked word once, the strongest first."""
    words: dict[str, Piece] = {}
    for mark in sample.marks:
        word = sample.prompt[mark.start : mark.end]
        words.setdefault(word.lower(), Piece(word, mark.contribution))
    return sorted(words.values(), key=lambda word: -abs(word.contribution))


def signed_log_odds(value: float) -> str:
    """`+1.80`, `−0.90`, with a true minus sign."""
    return f"{value:+.2f}".replace("-", "−")
