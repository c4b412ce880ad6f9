"""TF-IDF of counted n-grams."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class Tfidf:
    """Sublinear TF-IDF, each text scaled to length 1: scikit-learn's `TfidfTransformer(sublinear_tf=True)` to the bit.

    Importing scikit-learn takes a second, pandas included, which `bakeoff predict` would pay for these few lines.
    """

    idf_: npt.NDArray[np.float64]  # shape (n-grams,)

    def transform(self, counts: csr_matrix) -> csr_matrix:
        """Weight counts of shape (texts, n-grams). `counts` stays as it is."""
        values = np.log(counts.data)
        values += 1.0
        values *= self.idf_[counts.indices]
        squares = csr_matrix((values * values, counts.indices, counts.indptr), shape=counts.shape)
        # Adds from left to right, as scikit-learn does; `squares.sum(axis=1)` adds in pairs.
        lengths = np.sqrt(squares @ np.ones(counts.shape[1]))
        lengths[lengths == 0] = 1.0
        values /= np.repeat(lengths, np.diff(counts.indptr))
        return csr_matrix((values, counts.indices.copy(), counts.indptr.copy()), shape=counts.shape)
