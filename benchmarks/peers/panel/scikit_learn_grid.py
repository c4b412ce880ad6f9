"""scikit-learn: a grid of TF-IDF features and linear classifiers, judged on the validation split.

It goes from quick features to slow ones and stops where the time would not suffice for the next.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import joblib
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from peers.panel.cell import Cell, Trained

WORDS = {"ngram_range": (1, 2), "sublinear_tf": True, "token_pattern": r"(?u)\b\w+\b"}
CHARACTERS = {"analyzer": "char_wb", "ngram_range": (2, 5), "sublinear_tf": True, "min_df": 2}


def train(cell: Cell) -> Trained:
    deadline = time.perf_counter() + cell.seconds
    learned, validation = cell.read("train"), cell.read("validation")
    best: tuple[float, str, Any] | None = None
    tried, longest = 0, 0.0
    for features, make in FEATURES.items():
        if best and time.perf_counter() + 2 * longest > deadline:
            break
        begun = time.perf_counter()
        vectorizer = make()
        rows, others = vectorizer.fit_transform(learned.texts), vectorizer.transform(validation.texts)
        for name, classifier in classifiers().items():
            started = time.perf_counter()
            classifier.fit(rows, learned.labels)
            accuracy = classifier.score(others, validation.labels)
            tried += 1
            if best is None or accuracy > best[0]:
                best = accuracy, f"{features}, {name}", make_pipeline(vectorizer, classifier)
            now = time.perf_counter()
            if now + (now - started) > deadline:
                break
        longest = max(longest, time.perf_counter() - begun)
    assert best is not None
    accuracy, name, model = best
    file = Path(cell.folder) / "model.joblib"
    joblib.dump(model, file)
    return Trained(model.predict, (file,), {"chosen": name, "validation_accuracy": accuracy, "tried": tried})


FEATURES = {
    "words": lambda: TfidfVectorizer(**WORDS),
    "characters": lambda: TfidfVectorizer(**CHARACTERS),
    "words and characters": lambda: make_union(TfidfVectorizer(**WORDS), TfidfVectorizer(**CHARACTERS)),
}


def classifiers() -> dict[str, Any]:
    found: dict[str, Any] = {f"LinearSVC, C={c:g}": LinearSVC(C=c) for c in (0.1, 1, 10)}
    return found | {f"logistic regression, C={c:g}": LogisticRegression(C=c, max_iter=1000) for c in (1, 10, 100)}
