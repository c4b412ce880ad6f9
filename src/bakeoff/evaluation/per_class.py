"""Precision, recall and F1 of every class with their intervals, from the confusion matrix alone."""

from __future__ import annotations

import numpy as np

from bakeoff.evaluation.intervals import wilson
from bakeoff.runs.results import ClassScore, Confusion, Estimate


def class_scores(matrix: Confusion, confidence: float) -> list[ClassScore]:
    """Return the scores of the classes in the order of the matrix.

    Precision and recall are shares and get Wilson's interval. So does F1, by way of the Jaccard index J: the share of
    texts with both label and prediction among those with either; F1 = 2 J / (1 + J), which rises with J. Unlike a
    bootstrap, this does not claim certainty where all of three texts were found.

    Args:
        confidence: Level of the intervals, e.g. 0.95.
    """
    counts = np.asarray(matrix.counts)
    return [
        class_score(label, int(counts[index, index]), int(counts[index].sum()), int(counts[:, index].sum()), confidence)
        for index, label in enumerate(matrix.labels)
    ]


def class_score(label: str, hits: int, texts: int, predicted: int, confidence: float) -> ClassScore:
    """Return the scores of one class.

    Args:
        hits: Texts that have the label and are predicted to have it.
        texts: Texts that have it.
        predicted: Texts that are predicted to have it.
    """
    jaccard = share(hits, texts + predicted - hits, confidence)
    return ClassScore(
        label=label,
        texts=texts,
        predicted=predicted,
        precision=share(hits, predicted, confidence),
        recall=share(hits, texts, confidence),
        f1=None if jaccard is None else _f1(jaccard),
    )


def share(successes: int, total: int, confidence: float) -> Estimate | None:
    """Return a share with Wilson's interval, or None where the total is 0."""
    if total == 0:
        return None
    low, high = wilson(successes, total, confidence)
    return Estimate(value=successes / total, low=low, high=high)


def _f1(jaccard: Estimate) -> Estimate:
    assert jaccard.low is not None
    assert jaccard.high is not None
    value, low, high = (2 * end / (1 + end) for end in (jaccard.value, jaccard.low, jaccard.high))
    return Estimate(value=value, low=low, high=high)
