"""Print what saved models answer, so that a test can compare a fresh process with its own.

python -m tests.methods.answers TASK METHOD FOLDER [TASK METHOD FOLDER ...]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from bakeoff.lm.perplexity import score
from bakeoff.lm.sources import load_language_model
from bakeoff.methods.base import Task
from bakeoff.tasks.classifier import load_classifier
from tests.lm.conftest import ARTICLES, corpus_of
from tests.methods.own_settings import own_contract
from tests.methods.small_data import small_table

TEXTS: dict[Task, list[str]] = {
    "classification": ["", "  \n", "?!", "dull " * 200, "日本語", "fine", *small_table().test.texts[:20]],
    "language-model": list(ARTICLES.values()),
}


def texts_for(task: Task, method: str) -> Sequence[str]:
    """Return the texts that a small contestant of a method is asked: any, if it does not say that it knows a few."""
    return list(getattr(own_contract(method), "TEXTS", TEXTS[task]))


def answers(task: Task, model: Path, texts: Sequence[str]) -> list[list[float]]:
    """Return a row for each text: the probabilities of a classifier, or the loss of a language model."""
    if task == "classification":
        rows: list[list[float]] = load_classifier(model).probabilities(texts).tolist()
        return rows
    named = {f"text {number}": text for number, text in enumerate(texts)}
    scores = score(load_language_model(str(model), precision="fp32"), corpus_of(named), "document")
    pieces = scores.table().to_pylist()
    return [[sum(piece["nll"] for piece in pieces if piece["document"] == name)] for name in named]


if __name__ == "__main__":
    torch.set_num_threads(1)
    asked = zip(sys.argv[1::3], sys.argv[2::3], sys.argv[3::3], strict=True)
    print(json.dumps([answers(task, Path(folder), texts_for(task, name)) for task, name, folder in asked]))
