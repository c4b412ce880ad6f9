"""TF-IDF of counted n-grams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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

    def transform(self, counts: csr_matrix) -> csr_matrix:
        """Weight counts of shape (texts, n-grams). `counts` stays as it is; the result shares its indices."""
        values = np.empty(len(counts.data))
        for start, end in _parts(counts.indptr):
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


def _parts(indptr: npt.NDArray[np.integer]) -> Iterator[tuple[int, int]]:
    """Cut the rows of a matrix into parts, which bounds the memory of intermediate results."""
    start, rows = 0, len(indptr) - 1
    while start < rows:
        end = int(np.searchsorted(indptr, indptr[start] + _VALUES_AT_ONCE, side="right")) - 1
        end = min(max(end, start + 1), rows)
        yield start, end
        start = end
