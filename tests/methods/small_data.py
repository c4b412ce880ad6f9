"""A labeled table that a classifier of any kind learns in a second: the label hangs on one word of each text."""

from __future__ import annotations

import random

import numpy as np

from bakeoff.config.classification import ClassificationConfig
from bakeoff.data.types import LabeledTexts, SplitTable

TELLING = {"bad": ["dull", "awful"], "good": ["fine", "moving"], "odd": ["weird", "baffling"]}
FILLERS = ["the", "film", "and", "its", "plot", "were", "seen", "by", "many", "in", "a", "cinema", "last", "week"]


def small_table(rows: int = 120, classes: int = 2) -> SplitTable:
    names = list(TELLING)[:classes]
    return SplitTable(names, _side("train", rows, names), _side("validation", 24, names), _side("test", 40, names))


def _side(side: str, rows: int, names: list[str]) -> LabeledTexts:
    chance = random.Random(side)
    labels = [row % len(names) for row in range(rows)]
    texts = []
    for label in labels:
        words = chance.choices(FILLERS, k=chance.randint(1, 20))
        words.insert(chance.randint(0, len(words)), chance.choice(TELLING[names[label]]))
        texts.append(" ".join(words) + ".")
    return LabeledTexts([f"{side}-{row}" for row in range(rows)], texts, labels)


def small_label_table() -> SplitTable:
    """Return a table whose texts have several labels or none; the last one is rare, and so are texts with all three."""
    names = list(TELLING)
    parts = (_label_split(name, count, names) for name, count in (("train", 96), ("validation", 40), ("test", 40)))
    return SplitTable(names, *parts)


def _label_split(name: str, rows: int, labels: list[str]) -> LabeledTexts:
    chance = random.Random(name)
    texts, sets = [], np.zeros((rows, len(labels)), dtype=bool)
    for row in range(rows):
        sets[row] = [row % 8 & 1, row % 8 & 2, row % 8 == 3]
        words = chance.choices(FILLERS, k=chance.randint(3, 12))
        words += [chance.choice(TELLING[label]) for label, has in zip(labels, sets[row], strict=True) if has]
        chance.shuffle(words)
        texts.append(" ".join(words) + ".")
    return LabeledTexts([f"{name}-{row}" for row in range(rows)], texts, [], sets)


def config(contestants: dict, epochs: int = 6) -> ClassificationConfig:
    return ClassificationConfig.model_validate(
        {
            "task": "classification",
            "data": {"table": "small.csv"},
            "budget": {"epochs": epochs},
            "contestants": {name: {"method": name, **settings} for name, settings in contestants.items()},
            "evaluation": {"resamples": 100},
        }
    )


# Everything that bears on the course of a training is given, so that better defaults do not move the pinned losses.
SMALL_LSTM = {
    "embedding_size": 16,
    "hidden_size": 16,
    "embedding_dropout": 0.1,
    "dropout": 0.2,
    "word_dropout": 0.1,
    "vocabulary": {"min_frequency": 2},
    "learning_rate": 2e-2,
    "schedule": "cosine",
    "warmup": 0.1,
    "weight_decay": 0.01,
    "batch_size": 16,
    "gradient_clip": 1.0,
}
