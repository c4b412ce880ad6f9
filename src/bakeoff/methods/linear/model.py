"""TF-IDF of n-grams, weighted by naive Bayes, and logistic regression: scikit-learn's, saved without pickle."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix

from bakeoff.data.row_texts import RowTexts
from bakeoff.data.word_ids import TokenizedTexts
from bakeoff.data.words import Punctuation, tokenize
from bakeoff.errors import UserError
from bakeoff.methods.linear.choice import Targets, choose_settings, has_several
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.linear.features import Ngrams, learn_features
from bakeoff.methods.linear.ngrams import side_by_side
from bakeoff.methods.linear.tfidf import Tfidf, document_counts
from bakeoff.methods.scores import class_probabilities
from bakeoff.methods.table_columns.encoder import ColumnEncoder
from bakeoff.runs.writing import write_text

Array = npt.NDArray[np.float64]
Classes = npt.NDArray[np.int64] | npt.NDArray[np.bool_]
"""Class indices, shape (texts,), or the labels of each text, shape (texts, labels)."""

PUNCTUATION: Punctuation = "separate"  # "!" and "?" say something, and so does the "t" of "don't"


class LinearModel:
    """Sublinear TF-IDF (Manning et al. 2008, 6.4.1) and logistic regression with an L2 penalty.

    With `naive_bayes`, each feature is multiplied by the logarithm of how much more often its n-gram stands in texts
    of the class than in others before the regression learns: NBSVM (Wang and Manning 2012). A product of weights is a
    weight, so that the model that is saved and used is an ordinary linear one.
    """

    def __init__(
        self,
        ngrams: Ngrams,
        tfidf: Tfidf,
        weights: Array,
        intercepts: Array,
        *,
        multilabel: bool = False,
        columns: ColumnEncoder | None = None,
    ) -> None:
        self.ngrams = ngrams
        self.tfidf = tfidf
        self.weights = weights  # shape (1 or classes, n-grams + values): one row decides between two classes
        self.intercepts = intercepts  # shape (1 or classes,)
        self.multilabel = multilabel  # the classes are labels, of which a text can have several
        self.columns = columns  # whose values stand behind the n-grams

    @classmethod
    def fit(cls, texts: Sequence[str], labels: Targets, settings: LinearConfig) -> LinearModel:
        """Learn from texts, and from their cells if they have some; the result depends on nothing else.

        Args:
            labels: Class indices; every class occurs. Or the labels of each text, shape (texts, labels), each of which
                some texts have and others have not.

        Raises:
            UserError: no word is frequent enough.
        """
        rows = texts if isinstance(texts, RowTexts) and settings.features else None
        return cls.fit_tokenized(tokenize(texts, PUNCTUATION), labels, settings, rows)

    @classmethod
    def fit_tokenized(
        cls, texts: TokenizedTexts, labels: Targets, settings: LinearConfig, rows: Sequence[str] | None = None
    ) -> LinearModel:
        """Fit on texts that are already tokenized, by `PUNCTUATION`.

        Args:
            settings: What they leave open is chosen from the texts and labels.
            rows: The texts as `RowTexts`, if the model shall read their cells, too. A text is a vector of length 1,
                and a column one of about that length.
        """
        from bakeoff.methods.linear.regression import MOST_VALUES_OF_LIBLINEAR

        settings, _ = choose_settings(settings, texts, labels)
        ngrams, counts = learn_features(texts, settings)
        if not ngrams.size:
            raise UserError(
                f"No n-gram stands in {settings.min_document_frequency} training texts or more.",
                "Lower min_document_frequency of the linear contestant, or give more texts.",
            )
        classes, several = np.asarray(labels), has_several(labels)
        ratios = _log_ratios(counts, classes) if settings.naive_bayes else None
        separate = several or ratios is not None
        tfidf, columns = Tfidf.fit(counts), None
        many = separate and len(counts.data) > MOST_VALUES_OF_LIBLINEAR
        features = tfidf.transform(counts, values=counts.data if many else None)
        del counts  # a million texts have a gigabyte of n-grams: no copy of them lives longer than it must
        if rows is not None:
            columns = ColumnEncoder.fit(rows)
            features = _beside(features, columns, rows)
            if ratios is not None:
                ratios = np.hstack([ratios, np.ones((len(ratios), columns.size))])
        if separate:
            weights, intercepts = _separate_regressions(features, ratios, classes, settings)
        else:
            weights, intercepts = _multinomial_regression(features, classes, settings)
        return cls(ngrams, tfidf, weights, intercepts, multilabel=several, columns=columns)

    @property
    def parameters(self) -> int:
        return self.weights.size + self.intercepts.size

    def probabilities(self, texts: Sequence[str]) -> Array:
        """Return shape (texts, classes)."""
        features = self.tfidf.transform(self.ngrams.count(tokenize(texts, PUNCTUATION)))
        return self.probabilities_of(features if self.columns is None else _beside(features, self.columns, texts))

    def probabilities_of(self, features: csr_matrix) -> Array:
        """Return shape (texts, classes), from TF-IDF features, and the values of columns behind them."""
        return class_probabilities(features @ self.weights.T + self.intercepts, multilabel=self.multilabel)

    def cooled(self, temperature: float) -> LinearModel:
        """Return the same model with its scores divided by a temperature."""
        weights, intercepts = self.weights / temperature, self.intercepts / temperature
        return LinearModel(
            self.ngrams, self.tfidf, weights, intercepts, multilabel=self.multilabel, columns=self.columns
        )

    def save(self, folder: Path) -> None:
        if self.columns is not None:
            self.columns.save(folder)
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
    def load(cls, folder: Path, *, multilabel: bool = False, features: bool = False) -> LinearModel:
        """Load what `save` wrote.

        Args:
            features: The model also reads columns.
        """
        values = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "model.safetensors")
        ngrams = Ngrams.load(values, tensors)
        tfidf = Tfidf(tensors["idf"])
        columns = ColumnEncoder.load(folder) if features else None
        return cls(ngrams, tfidf, tensors["weights"], tensors["intercepts"], multilabel=multilabel, columns=columns)


def _beside(features: csr_matrix, columns: ColumnEncoder, rows: Sequence[str]) -> csr_matrix:
    """Return the features of texts with the values of their columns behind them."""
    return side_by_side([features, csr_matrix(columns.encode(rows))])


def _multinomial_regression(features: csr_matrix, classes: Classes, settings: LinearConfig) -> tuple[Array, Array]:
    """One regression for all classes: weights, shape (1 or classes, n-grams), and intercepts, shape (1 or classes,)."""
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression(
        C=_chosen(settings.inverse_regularization),
        class_weight=None if settings.class_weights == "none" else settings.class_weights,
        max_iter=1000,
    )
    regression.fit(features, classes)
    return regression.coef_, regression.intercept_


def _separate_regressions(
    features: csr_matrix, all_ratios: Array | None, labels: Classes, settings: LinearConfig
) -> tuple[Array, Array]:
    """One regression for two classes, otherwise one a class (or label) against the rest.

    Args:
        features: In float32 for Newton's method, which sorts them: they are of no use afterwards.
        all_ratios: `_log_ratios`, or None for plain features.

    Returns:
        Weights on the unweighted features, shape (1 or classes, n-grams), and intercepts, shape (1 or classes,).
    """
    from bakeoff.methods.linear.regression import by_columns, fit_logistic

    values = by_columns(features) if features.dtype == np.float32 else features
    weights, intercepts = [], []
    for place, inside in enumerate(_insides(labels)):
        scale = np.ones(features.shape[1]) if all_ratios is None else all_ratios[place]
        balanced = settings.class_weights == "balanced"
        strength = _chosen(settings.inverse_regularization)
        found = fit_logistic(values, scale, inside, strength=strength, balanced=balanced)
        weights.append(found[:-1] * scale)
        intercepts.append(found[-1])
    return np.stack(weights), np.array(intercepts)


def _insides(labels: Classes) -> Iterator[npt.NDArray[np.bool_]]:
    """Yield the texts of each class that gets weights of its own: of one of two classes, of all, or of every label."""
    if labels.ndim == 2:
        yield from labels.T.astype(np.bool_)
        return
    classes = int(labels.max()) + 1
    for number in [1] if classes == 2 else range(classes):
        yield labels == number


def _chosen(value: float | None) -> float:
    """Return a setting that `choose_settings` has filled in."""
    assert value is not None
    return value


def _log_ratios(counts: csr_matrix, labels: Classes) -> Array:
    """Return the log of each n-gram's share inside a class / outside, counting one extra text each.

    Args:
        counts: Shape (texts, n-grams), without zeros that are stored.

    Returns:
        Shape (1 or classes, n-grams).
    """
    everywhere = document_counts(counts)
    ratios = []
    for texts in _insides(labels):
        inside = document_counts(counts, texts)
        own, others = 1.0 + inside, 1.0 + (everywhere - inside)
        ratios.append(np.log((own / own.sum()) / (others / others.sum())))
    return np.stack(ratios)
