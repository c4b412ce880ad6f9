"""The words that moved a classifier's decision: the one place that knows where they come from."""

from __future__ import annotations

from importlib import import_module, util

from bakeoff.classify.classifier import Classifier
from bakeoff.serve.shapes import MarkedWord

LONGEST = 20_000
"""Characters; what a longer text would cost keeps the others waiting."""

MARKED_WORDS = 8
NOTICEABLE = 0.01
"""Log-odds: what moves the decision less is not marked."""

_EXPLANATION = "bakeoff.classify.explanation"


def marked_words(classifier: Classifier, text: str, label: str) -> list[MarkedWord] | None:
    """The words that moved the decision for `label` most, in the order of the text; None where it is too long."""
    if len(text) > LONGEST or util.find_spec(_EXPLANATION) is None:
        return None
    words, _ = import_module(_EXPLANATION).contributions(classifier, text, classifier.labels.index(label))
    marks = [
        MarkedWord(start=start, end=end, contribution=word.contribution)
        for word in words[:MARKED_WORDS]
        if abs(word.contribution) >= NOTICEABLE
        for start, end in word.spans
    ]
    return sorted(marks, key=lambda mark: mark.start)
