"""Choose the examples of a prompt from the training split."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from bakeoff.data.types import LabeledTexts, SplitTable
from bakeoff.methods.prompt.template import Example

POOL = 10_000
"""Most training texts among which the nearest are looked for; more are drawn at random."""


_NO_LABEL = -1
"""Stands for the texts without a label, which are shown like those of a label."""


def drawn(train: LabeledTexts, each: int, seed: int) -> list[Example]:
    """Draw examples of each class, as many as there are up to `each`, in random order.

    A text with several labels is an example of all of them.
    """
    chance = random.Random(seed)
    rows = list(range(len(train)))
    chance.shuffle(rows)
    by_class: dict[int, list[int]] = {}
    for row in rows:
        for label in _classes(_example(train, row)):
            by_class.setdefault(label, []).append(row)
    chosen = list(dict.fromkeys(row for label in sorted(by_class) for row in by_class[label][:each]))
    chance.shuffle(chosen)
    return [_example(train, row) for row in chosen]


def pool(train: LabeledTexts, seed: int) -> list[Example]:
    """Return the training texts to look among."""
    rows = sorted(random.Random(seed).sample(range(len(train)), min(POOL, len(train))))
    return [_example(train, row) for row in rows]


def draw_without(examples: Sequence[Example], data: SplitTable, most: int, seed: int) -> list[str]:
    """Draw training texts that are not among the examples, which show their labels.

    Where there are too few, validation texts take their place.
    """
    chance, shown = random.Random(seed), {example.text for example in examples}
    count, texts = min(most, len(data.train)), list[str]()
    for split in (data.train, data.validation):
        others = [text for text in split.texts if text not in shown]
        texts += chance.sample(others, min(count - len(texts), len(others)))
    return texts


def _example(train: LabeledTexts, row: int) -> Example:
    if train.label_sets is None:
        return Example(train.texts[row], train.labels[row])
    return Example(train.texts[row], tuple(train.label_sets[row].nonzero()[0].tolist()))


def _classes(example: Example) -> tuple[int, ...]:
    """Return the classes that a text is an example of."""
    return (example.label,) if isinstance(example.label, int) else example.label or (_NO_LABEL,)


class Nearest:
    """Training texts that can be asked for the nearest ones to a text (Liu et al. 2022, KATE, with TF-IDF)."""

    def __init__(self, examples: Sequence[Example], each: int) -> None:
        self._examples = examples
        self._each = each
        classes = [set(_classes(example)) for example in examples]
        self._of_class = [np.array([label in own for own in classes]) for label in sorted(set().union(*classes))]

    def of(self, text: str, *, itself: bool = True) -> tuple[Example, ...]:
        """Return the nearest examples of each class, the nearest of all last.

        Args:
            itself: False leaves out the text itself, as which a training text is nearest: its label would stand there.
        """
        vectorizer, vectors = self._fitted
        similarity = (vectors @ vectorizer.transform([text]).T).toarray().ravel()
        order = np.argsort(-similarity, kind="stable")
        if not itself:
            order = order[[self._examples[row].text != text for row in order]]
        nearest = (order[of_class[order]][: self._each].tolist() for of_class in self._of_class)
        kept = np.array(list(dict.fromkeys(row for rows in nearest for row in rows)), dtype=np.int64)
        return tuple(self._examples[row] for row in kept[np.argsort(similarity[kept], kind="stable")])

    @cached_property
    def _fitted(self) -> tuple[Any, Any]:
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
        return vectorizer, vectorizer.fit_transform([f" {example.text} x" for example in self._examples])
