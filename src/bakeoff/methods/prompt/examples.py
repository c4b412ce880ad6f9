"""Choose the examples of a prompt from the training split."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from bakeoff.data.types import LabeledTexts
from bakeoff.methods.prompt.template import Example

POOL = 10_000
"""Most training texts among which the nearest are looked for; more are drawn at random."""


def drawn(train: LabeledTexts, each: int, seed: int) -> list[Example]:
    """Draw examples of each class, as many as there are up to `each`, in random order."""
    chance = random.Random(seed)
    rows = list(range(len(train)))
    chance.shuffle(rows)
    by_class: dict[int, list[int]] = {}
    for row in rows:
        by_class.setdefault(train.labels[row], []).append(row)
    chosen = [row for label in sorted(by_class) for row in by_class[label][:each]]
    chance.shuffle(chosen)
    return [Example(train.texts[row], train.labels[row]) for row in chosen]


def pool(train: LabeledTexts, seed: int) -> list[Example]:
    """Return the training texts to look among."""
    rows = sorted(random.Random(seed).sample(range(len(train)), min(POOL, len(train))))
    return [Example(train.texts[row], train.labels[row]) for row in rows]


class Nearest:
    """Training texts that can be asked for the nearest ones to a text (Liu et al. 2022, KATE, with TF-IDF)."""

    def __init__(self, examples: Sequence[Example], each: int) -> None:
        self._examples = examples
        self._each = each
        self._labels = np.array([example.label for example in examples])

    def of(self, text: str) -> tuple[Example, ...]:
        """Return the nearest examples of each class, the nearest of all last."""
        vectorizer, vectors = self._fitted
        similarity = (vectors @ vectorizer.transform([text]).T).toarray().ravel()
        order = np.argsort(-similarity, kind="stable")
        kept = np.concatenate([order[self._labels[order] == label][: self._each] for label in np.unique(self._labels)])
        return tuple(self._examples[row] for row in kept[np.argsort(similarity[kept], kind="stable")])

    @cached_property
    def _fitted(self) -> tuple[Any, Any]:
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
        return vectorizer, vectorizer.fit_transform([f" {example.text} x" for example in self._examples])
