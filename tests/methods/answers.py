"""Print what saved models answer, for the contract that a fresh process gets the same answers.

    python -m tests.methods.answers TASK FOLDER [TASK FOLDER ...]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bakeoff.lm.sources import load_language_model
from bakeoff.methods.base import Task
from bakeoff.tasks.classifier import load_classifier
from tests.lm.conftest import ARTICLES, corpus_of
from tests.methods.small_data import small_table

TEXTS = ["", "  \n", "?!", "dull " * 200, "日本語", "fine", *small_table().test.texts]


def answers(task: Task, model: Path, texts: Sequence[str] | None = None) -> list[list[float]]:
    """Return a row for each text: probabilities of a classifier, or the loss under a language model."""
    if task == "classification":
        return load_classifier(model).probabilities(TEXTS if texts is None else texts).tolist()
    documents = dict(enumerate(ARTICLES.values() if texts is None else texts))
    scores = load_language_model(str(model), precision="fp32").score(
        corpus_of({f"{number}": text for number, text in documents.items()}), protocol="document"
    )
    rows = scores.table().to_pylist()
    return [
        [sum(row["nll"] for row in rows if row["document"] == f"{number}")]
        for number in documents
    ]


if __name__ == "__main__":
    pairs = zip(sys.argv[1::2], sys.argv[2::2], strict=True)
    json.dump([answers(task, Path(folder)) for task, folder in pairs], sys.stdout)  # type: ignore[arg-type]
