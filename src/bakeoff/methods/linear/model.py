"""TF-IDF of n-grams, weighted by naive Bayes, and logistic regression: scikit-learn's, saved without pickle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix

from bakeoff.data.word_ids import TokenizedTexts
from bakeoff.data.words import Punctuation, tokenize
from bakeoff.errors import UserError
from bakeoff.methods.linear.choice import choose_settings
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.linear.features import Ngrams, learn_features
from bakeoff.methods.linear.tfidf import Tfidf
from bakeoff.methods.scores import class_probabilities
from bakeoff.runs.writing import write_text

Array = npt.NDArray[np.float64]

PUNCTUATION: Punctuation = "separate"  # "!" and "?" say something, and so does the "t" of "don't"


class LinearModel:
    """Sublinear TF-IDF (Manning et al. 2008, 6.4.1) and logistic regression with an L2 penalty.

    With `naive_bayes`, each feature is multiplied by the logarithm of how much more often its n-gram stands in texts
    of the class than in others before the regression learns: NBSVM (Wang and Manning 2012). A product of weights is a
    weight, so that the model that is saved and used is an ordinary linear one.
    """

    def __init__(self, ngrams: Ngrams, tfidf: Tfidf, weights: Array, intercepts: Array) -> None:
        self.ngrams = ngrams
        self.tfidf = tfidf
        self.weights = weights  # shape (1 or classes, n-grams): one row decides between two classes
        self.intercepts = intercepts  # shape (1 or classes,)

    @classmethod
    def fit(cls, texts: Sequence[str], labels: Sequence[int], settings: LinearConfig) -> LinearModel:
        """Learn from texts; the result depends on nothing else.

        Args:
            labels: Class indices; every class occurs.

        Raises:
            UserError: no word is frequent enough.
        """
        return cls.fit_tokenized(tokenize(texts, PUNCTUATION), labels, settings)

    @classmethod
    def fit_tokenized(cls, texts: TokenizedTexts, labels: Sequence[int], settings: LinearConfig) -> LinearModel:
        """Fit on texts that are already tokenized, by `PUNCTUATION`.

        Args:
            settings: What they leave open is chosen from the texts and labels.
        """
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.linear_model import LogisticRegression

        settings, _ = choose_settings(settings, texts, labels)
        ngrams, counts = learn_features(texts, settings)
        if not ngrams.size:
            raise UserError(
                f"No n-gram stands in {settings.min_document_frequency} training texts or more.",
                "Lower min_document_frequency of the linear contestant, or give more texts.",
            )
        transformer = TfidfTransformer(sublinear_tf=True)
        features = counts.astype(np.float64)
        features = transformer.fit(features).transform(features, copy=False)
        classes = np.asarray(labels)
        if settings.naive_bayes:
            weights, intercepts = _naive_bayes_regression(counts, features, classes, settings)
        else:
            regression = LogisticRegression(
                C=_chosen(settings.inverse_regularization),
                class_weight=_class_weight(settings),
                max_iter=1000,
            )
            regression.fit(features, classes)
            weights, intercepts = regression.coef_, regression.intercept_
        return cls(ngrams, Tfidf(transformer.idf_), weights, intercepts)

    @property
    def parameters(self) -> int:
        return self.weights.size + self.intercepts.size

    def probabilities(self, texts: Sequence[str]) -> Array:
        """Return shape (texts, classes)."""
        return self.probabilities_of(self.tfidf.transform(self.ngrams.count(tokenize(texts, PUNCTUATION))))

    def probabilities_of(self, features: csr_matrix) -> Array:
        """Return shape (texts, classes), from TF-IDF features."""
        return class_probabilities(features @ self.weights.T + self.intercepts)

    def cooled(self, temperature: float) -> LinearModel:
        """Return the same model with its scores divided by a temperature."""
        return LinearModel(self.ngrams, self.tfidf, self.weights / temperature, self.intercepts / temperature)

    def save(self, folder: Path) -> None:
        write_text(folder / "vocabulary.json", json.dumps(self.ngrams.as_json(), ensure_ascii=False))
        tensors: dict[str, npt.NDArray[Any]] = {
            "idf": self.tfidf.idf_,
            "weights": self.weights,
            "intercepts": self.intercepts,
            **self.ngrams.tensors(),
        }
        save_file(
            {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, folder / "model.safetensors"
        )

    @classmethod
    def load(cls, folder: Path) -> LinearModel:
        values = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "model.safetensors")
        ngrams = Ngrams.load(values, tensors)
        return cls(ngrams, Tfidf(tensors["idf"]), tensors["weights"], tensors["intercepts"])


def _naive_bayes_regression(
    counts: csr_matrix, features: csr_matrix, labels: npt.NDArray[np.int64], settings: LinearConfig
) -> tuple[Array, Array]:
    """One regression for two classes, otherwise one a class against the rest.

    Returns:
        Weights on the unweighted features, shape (1 or classes, n-grams), and intercepts, shape (1 or classes,).
    """
    from sklearn.linear_model import LogisticRegression

    present = counts.astype(bool).astype(np.float64)
    classes = int(labels.max()) + 1
    weights, intercepts = [], []
    for number in [1] if classes == 2 else range(classes):
        inside = labels == number
        ratios = _log_ratios(present, inside)
        # The dual solver: it ends in seconds with a million features, where the number of texts is the smaller one.
        regression = LogisticRegression(
            C=_chosen(settings.inverse_regularization),
            class_weight=_class_weight(settings),
            solver="liblinear",
            dual=True,
            tol=0.01,
            random_state=0,  # the problem has one solution, whatever the order in which texts are visited
        )
        regression.fit(features.multiply(ratios).tocsr(), inside)
        weights.append(regression.coef_[0] * ratios)
        intercepts.append(regression.intercept_[0])
    return np.stack(weights), np.array(intercepts)


def _chosen(value: float | None) -> float:
    """Return a setting that `choose_settings` has filled in."""
    assert value is not None
    return value


def _class_weight(settings: LinearConfig) -> str | None:
    """Return scikit-learn's name of the rule."""
    return None if settings.class_weights == "none" else settings.class_weights


def _log_ratios(present: csr_matrix, inside: npt.NDArray[np.bool_]) -> Array:
    """Return the log of each n-gram's share inside the class / outside, counting one extra text each, shape (n,)."""
    own = 1 + np.asarray(present[inside].sum(axis=0)).ravel()
    others = 1 + np.asarray(present[~inside].sum(axis=0)).ravel()
    ratios: Array = np.log((own / own.sum()) / (others / others.sum()))
    return ratios
