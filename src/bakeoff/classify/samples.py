"""Some classified test texts to look at, with the words that moved each decision."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bakeoff.classify.classifier import Classifier
from bakeoff.classify.explanation import contributions
from bakeoff.data.types import LabelledTexts
from bakeoff.runs.results import Mark, Sample

FIRST_TEXTS = 5
MISTAKES = 10
SHOWN_CHARACTERS = 300
MARKED_WORDS = 8
_NOTICEABLE = 0.01  # log-odds: what moves the decision less is not marked


def judged_samples(best: Classifier, test: LabelledTexts, probabilities: npt.NDArray[np.float64]) -> list[Sample]:
    """The first test texts, and the mistakes that were made with the most confidence.

    Args:
        probabilities: What `best` says of the test texts, shape (texts, labels).
    """
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != np.asarray(test.labels))
    worst = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:MISTAKES]

    def sample(row: int, kind: str) -> Sample:
        text = test.texts[row]
        shown = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1]
        return Sample.model_validate(
            {
                "prompt": shown if shown == text else shown + "…",
                "label": best.labels[test.labels[row]],
                "predicted": best.labels[predicted[row]],
                "probability": float(probabilities[row].max()),
                "kind": kind,
                "marks": _marks(best, text, int(predicted[row]), len(shown)),
            }
        )

    first = range(min(FIRST_TEXTS, len(test)))
    return [*(sample(row, "first") for row in first), *(sample(int(row), "mistake") for row in worst)]


def _marks(best: Classifier, text: str, label: int, shown: int) -> list[Mark]:
    """The strongest words among the first `shown` characters; the cost is bounded by these."""
    words, _ = contributions(best, text, label, within=shown)
    marks = [
        Mark(start=start, end=end, contribution=word.contribution)
        for word in words[:MARKED_WORDS]
        if abs(word.contribution) >= _NOTICEABLE
        for start, end in word.spans
    ]
    return sorted(marks, key=lambda mark: mark.start)
