"""Method `nearest-centroid`: the class whose training texts are nearest on average, measured by TF-IDF."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from bakeoff.data.types import SplitTable
from bakeoff.methods.base import ClassificationMethod, MethodConfig, SavedClassifier
from bakeoff.methods.context import FitContext, FitReport
from bakeoff.runs.results import TrainingCost


class NearestCentroidConfig(MethodConfig):
    """Compares a text with the mean TF-IDF vector of every class."""

    method: Literal["nearest-centroid"] = "nearest-centroid"
    max_words: int = Field(20_000, gt=0, description="Keep only the most frequent words.")
    sharpness: float = Field(10.0, gt=0, description="Factor from cosine similarities to logits.")


class NearestCentroid:
    """A fitted model. scikit-learn is imported late, because reading a config imports this module."""

    def __init__(self, words: list[str], idf: npt.NDArray[Any], centroids: npt.NDArray[Any], sharpness: float) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.tfidf = TfidfVectorizer(vocabulary=words)
        self.tfidf.idf_ = idf
        self.words, self.centroids, self.sharpness = words, centroids, sharpness  # centroids: shape (classes, words)

    @property
    def parameters(self) -> int:
        return int(self.centroids.size)

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        logits = self.sharpness * (self.tfidf.transform(texts) @ self.centroids.T)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def save(self, folder: Path) -> None:
        values = {"words": self.words, "idf": self.tfidf.idf_.tolist(), "centroids": self.centroids.tolist()}
        (folder / "centroids.json").write_text(json.dumps(values), encoding="utf-8")


class NearestCentroidMethod(ClassificationMethod[NearestCentroidConfig]):
    """Everything that bakeoff asks of a method."""

    config = NearestCentroidConfig
    uses_seed = False

    def fit(self, config: NearestCentroidConfig, data: SplitTable, context: FitContext) -> FitReport:
        from sklearn.feature_extraction.text import TfidfVectorizer

        started = time.perf_counter()
        tfidf = TfidfVectorizer(max_features=config.max_words)
        vectors, labels = tfidf.fit_transform(data.train.texts), np.array(data.train.labels)
        means = np.stack([vectors[labels == label].mean(axis=0).A1 for label in range(len(data.label_names))])
        centroids = means / np.linalg.norm(means, axis=1, keepdims=True)
        model = NearestCentroid(tfidf.get_feature_names_out().tolist(), tfidf.idf_, centroids, config.sharpness)
        context.save(model.save)
        return FitReport(TrainingCost(seconds=time.perf_counter() - started, precision="fp64"))

    def load(self, folder: Path, saved: SavedClassifier, precision: str | None = None) -> NearestCentroid:
        values = json.loads((folder / "centroids.json").read_text(encoding="utf-8"))
        arrays = np.array(values["idf"]), np.array(values["centroids"])
        return NearestCentroid(values["words"], *arrays, saved.settings["sharpness"])

    def describe(self, config: NearestCentroidConfig) -> str:
        return f"A nearest-centroid classifier on the TF-IDF of up to {config.max_words:,} words"
