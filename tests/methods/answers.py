"""What saved models answer, so that a test can compare a fresh process with its own."""

from __future__ import annotations

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


def all_answers(models: Sequence[tuple[Task, Path, Sequence[str]]]) -> list[list[list[float]]]:
    """Return what several models answer to their texts, computed with one thread."""
    torch.set_num_threads(1)
    return [answers(*model) for model in models]
