"""How the evidence of a linear model is spread over a text: a few numbers that its score, their sum, does not tell.

A review that says good things first and comes to its verdict in the last sentence has the score of one that does it the
other way round. Both ends of a text count for more than its middle, and much evidence on both sides means less than
little on one.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from bakeoff.data.word_ids import TokenizedTexts
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.linear.model import Array, LinearModel

_END_WORDS = (10, 25, 50)
"""Lengths of the beginnings and ends that are looked at by themselves."""


def evidence_size(settings: LinearConfig, classes: int) -> int:
    """Return how many values `evidence` has per text.

    Args:
        settings: With `ngrams` chosen.
    """
    scores = 1 if classes == 2 else classes
    groups = {"words": settings.max_ngram, "characters": 1, "both": settings.max_ngram + 1}[settings.ngrams]
    return scores * (groups + 2 + 2 * len(_END_WORDS))


def evidence(model: LinearModel, texts: TokenizedTexts, counts: csr_matrix, features: csr_matrix) -> Array:
    """Parts of each text's score, shape (texts, size).

    For each class (the second one only, where there are two): what the n-grams of one word, two words, and so on add up
    to, and those of characters; the sum of everything that speaks for the class, and of everything against it; and what
    stands in the first and in the last 10, 25 and 50 words.

    Args:
        counts: What ``model.ngrams.count(texts)`` says.
        features: What ``model.tfidf`` makes of the counts.
    """
    ends = [model.ngrams.count(_end(texts, words, last)) for words in _END_WORDS for last in (False, True)]
    columns = []
    for weights in model.weights:
        scores = features.copy()
        scores.data *= weights[scores.indices]
        columns += [_group_sums(scores, model), _row_sums(scores.maximum(0)), _row_sums(scores.minimum(0))]
        scores.data /= counts.data  # both have the same places; now of each time that the n-gram is said
        columns += [_row_sums(scores.multiply(end)) for end in ends]
    return np.hstack(columns)


def _group_sums(scores: csr_matrix, model: LinearModel) -> Array:
    """Return the sum over each group of n-grams, shape (texts, groups)."""
    sizes = model.ngrams.group_sizes
    each = scores.tocoo()
    groups = np.searchsorted(np.cumsum(sizes), each.col, side="right")
    sums: Array = csr_matrix((each.data, (each.row, groups)), shape=(scores.shape[0], len(sizes))).toarray()
    return sums


def _row_sums(matrix: csr_matrix) -> Array:
    """Return shape (rows, 1)."""
    sums: Array = np.asarray(matrix.sum(axis=1)).reshape(-1, 1)
    return sums


def _end(texts: TokenizedTexts, words: int, last: bool) -> TokenizedTexts:
    """Return the first or last words of each text."""
    starts, ends = texts.offsets[:-1], texts.offsets[1:]
    if last:
        return texts.pieces(np.maximum(starts, ends - words), ends)
    return texts.pieces(starts, np.minimum(ends, starts + words))
