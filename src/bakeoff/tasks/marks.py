"""The words to mark in a text that a report shows."""

from __future__ import annotations

from bakeoff.runs.results import Mark
from bakeoff.tasks.attribution import Probabilities, contributions

MARKED_WORDS = 8
_NOTICEABLE = 0.01  # log-odds: what moves the decision less is not marked


def strongest_marks(model: Probabilities, text: str, label: int, shown: int) -> list[Mark]:
    """The words that moved the decision most, in the order of the text.

    Args:
        label: Index of the predicted label.
        shown: Characters of the text that are shown. Only their words are examined, which bounds the cost.
    """
    words, _ = contributions(model, text, label, within=shown)
    marks = [
        Mark(start=start, end=end, contribution=word.contribution)
        for word in words[:MARKED_WORDS]
        if abs(word.contribution) >= _NOTICEABLE
        for start, end in word.spans
    ]
    return sorted(marks, key=lambda mark: mark.start)
