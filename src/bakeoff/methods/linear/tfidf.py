"""TF-IDF of counted n-grams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

_VALUES_AT_ONCE = 200_000


@dataclass(frozen=True)
class Tfidf:
    """Sublinear TF-IDF, each text scaled to length 1: scikit-learn's `TfidfTransformer(sublinear_tf=True)` to the bit.

    Importing scikit-learn takes a second, pandas included, which `bakeoff predict` would pay for these few lines.
    """

    idf_: npt.NDArray[np.float64]  # shape (n-grams,)

    @classmethod
    def fit(cls, counts: csr_matrix) -> Tfidf:
        """Weight rare n-grams more than frequent ones, as scikit-learn does.

        Args:
            counts: Shape (texts, n-grams), without zeros that are stored.
        """
        return cls(np.log((1.0 + counts.shape[0]) / (1.0 + document_counts(counts))) + 1.0)

    def transform(self, counts: csr_matrix, values: npt.NDArray[np.floating[Any]] | None = None) -> csr_matrix:
        """Weight counts of shape (texts, n-grams). The result shares their indices.

        Args:
            values: Gets the weights; new if absent. It may be `counts.data`, which needs no memory.
        """
        values = np.empty(len(counts.data)) if values is None else values
        for start, end in row_parts(counts.indptr, _VALUES_AT_ONCE):
            places = slice(counts.indptr[start], counts.indptr[end])
            part = np.log(counts.data[places], dtype=np.float64)
            part += 1.0
            part *= self.idf_[counts.indices[places]]
            indptr = counts.indptr[start : end + 1] - counts.indptr[start]
            squares = csr_matrix((part * part, counts.indices[places], indptr), shape=(end - start, counts.shape[1]))
            # Adds from left to right, as scikit-learn does; `squares.sum(axis=1)` adds in pairs.
            lengths = np.sqrt(squares @ np.ones(counts.shape[1]))
            lengths[lengths == 0] = 1.0
            part /= np.repeat(lengths, np.diff(indptr))
            values[places] = part
        return csr_matrix((values, counts.indices, counts.indptr), shape=counts.shape)


def document_counts(counts: csr_matrix, chosen: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[np.int64]:
    """Return in how many texts each n-gram stands, or in how many of the chosen ones.

    Args:
        counts: Shape (texts, n-grams), without zeros that are stored.
    """
    found = np.zeros(counts.shape[1], dtype=np.int64)
    for start, end in row_parts(counts.indptr, max(_VALUES_AT_ONCE, 2 * counts.shape[1])):
        columns = counts.indices[counts.indptr[start] : counts.indptr[end]]
        if chosen is not None:
            columns = columns[np.repeat(chosen[start:end], np.diff(counts.indptr[start : end + 1]))]
        found += np.bincount(columns, minlength=len(found))
    return found


def row_parts(indptr: npt.NDArray[np.integer], values_at_once: int) -> Iterator[tuple[int, int]]:
    """Cut the rows of a matrix into parts, which bounds the memory of intermediate results."""
    start, rows = 0, len(indptr) - 1
    while start < rows:
        end = int(np.searchsorted(indptr, indptr[start] + values_at_once, side="right")) - 1
        end = min(max(end, start + 1), rows)
        yield start, end
        start = end
