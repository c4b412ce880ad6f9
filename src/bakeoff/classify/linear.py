"""TF-IDF of word n-grams and logistic regression: scikit-learn's, saved without pickle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file
from scipy.special import expit, softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from bakeoff.errors import UserError
from bakeoff.runs.folder import write_text
from bakeoff.spec.schema import LinearContestant

# Words of one letter count, unlike in scikit-learn's default: "I", and the "t" of "don't", say something.
_WORD = r"(?u)\b\w+\b"


class LinearModel:
    """Sublinear TF-IDF (Manning et al. 2008, 6.4.1) and multinomial logistic regression with an L2 penalty."""

    def __init__(
        self, vectorizer: TfidfVectorizer, weights: npt.NDArray[np.float64], intercepts: npt.NDArray[np.float64]
    ) -> None:
        self.vectorizer = vectorizer
        self.weights = weights  # shape (1 or classes, n-grams): one row decides between two classes
        self.intercepts = intercepts  # shape (1 or classes,)

    @classmethod
    def fit(cls, texts: Sequence[str], labels: Sequence[int], settings: LinearContestant, seed: int) -> LinearModel:
        """
        Args:
            labels: Class indices; every class occurs.

        Raises:
            UserError: no n-gram is frequent enough.
        """
        vectorizer = _vectorizer(settings.max_ngram, min_df=min(settings.min_document_frequency, len(texts)))
        try:
            features = vectorizer.fit_transform(texts)
        except ValueError:  # scikit-learn found nothing that is frequent enough
            raise UserError(
                f"No n-gram of words stands in {settings.min_document_frequency} training texts or more.",
                "Lower min_document_frequency of the linear contestant, or give more texts.",
            ) from None
        regression = LogisticRegression(
            C=settings.inverse_regularization,
            class_weight=None if settings.class_weights == "none" else settings.class_weights,
            max_iter=1000,
            random_state=seed,
        )
        regression.fit(features, labels)
        return cls(vectorizer, regression.coef_, regression.intercept_)

    @property
    def parameters(self) -> int:
        return self.weights.size + self.intercepts.size

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Shape (texts, classes)."""
        scores = self.vectorizer.transform(texts) @ self.weights.T + self.intercepts
        if scores.shape[1] > 1:
            probabilities: npt.NDArray[np.float64] = softmax(scores, axis=1)
            return probabilities
        second = expit(scores[:, 0])
        return np.stack([1 - second, second], axis=1)

    def save(self, folder: Path) -> None:
        terms = sorted(self.vectorizer.vocabulary_, key=self.vectorizer.vocabulary_.__getitem__)
        saved = {"max_ngram": self.vectorizer.ngram_range[1], "terms": terms}
        write_text(folder / "vocabulary.json", json.dumps(saved, ensure_ascii=False))
        tensors = {"idf": self.vectorizer.idf_, "weights": self.weights, "intercepts": self.intercepts}
        save_file(
            {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, folder / "model.safetensors"
        )

    @classmethod
    def load(cls, folder: Path) -> LinearModel:
        saved = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "model.safetensors")
        vectorizer = _vectorizer(saved["max_ngram"], vocabulary=saved["terms"])
        vectorizer.idf_ = tensors["idf"]
        return cls(vectorizer, tensors["weights"], tensors["intercepts"])


def _vectorizer(max_ngram: int, **options: object) -> TfidfVectorizer:
    return TfidfVectorizer(ngram_range=(1, max_ngram), sublinear_tf=True, token_pattern=_WORD, **options)
