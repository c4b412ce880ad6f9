"""Logistic regressions, one class against the rest: liblinear's for few values, Newton's method for many.

Newton's steps are found by conjugate gradients with the diagonal as preconditioner (Hsia, Chiang and Lin 2018,
"Preconditioned conjugate gradient methods in truncated Newton frameworks for large-scale linear classification"). It
holds nothing beside features in single precision, 8 bytes a value; liblinear takes 12 and another 16 of its own, and is
faster only where all weights fit into the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import expit
from threadpoolctl import threadpool_limits

from bakeoff.methods.linear.tfidf import row_parts

Array = npt.NDArray[np.float64]

MOST_VALUES_OF_LIBLINEAR = 5_000_000
"""Up to here, it is up to twice as fast as Newton's method; with more, half as fast."""

_SMALL_GRADIENT = 1e-6
"""Of the one at the beginning. No weight is then further than 1e-4 of the largest one from the solution."""

_VALUES_AT_ONCE = 1_000_000
_LEAST_STEP = 1e-8
_MOST_STEPS = 100


def fit_logistic(
    features: csr_matrix, scale: Array, inside: npt.NDArray[np.bool_], *, strength: float, balanced: bool
) -> Array:
    """Return the weights that minimize half their squared length and the logistic losses of all texts times `strength`.

    The last weight is the intercept.

    Args:
        features: Shape (texts, n-grams). Newton's method solves for those in float32, and liblinear for others.
        scale: Factors of the columns, shape (n-grams,); the weights are those of the scaled columns.
        inside: Which texts are in the class, shape (texts,).
        balanced: Both sides count as much as each other.
    """
    if features.dtype == np.float32:
        costs = np.full(len(inside), strength)
        if balanced:
            costs *= len(inside) / 2 / np.where(inside, inside.sum(), len(inside) - inside.sum())
        return _by_newton(features, scale, inside, costs)
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression(
        C=strength,
        class_weight="balanced" if balanced else None,
        solver="liblinear",
        dual=True,  # it ends in seconds with a million features, where the number of texts is the smaller one
        tol=0.01,
        random_state=0,  # the problem has one solution, whatever the order in which texts are visited
    )
    values = features.data * scale[features.indices]
    regression.fit(csr_matrix((values, features.indices, features.indptr), shape=features.shape), inside)
    return np.append(regression.coef_[0], regression.intercept_[0])


def _by_newton(features: csr_matrix, scale: Array, inside: npt.NDArray[np.bool_], costs: Array) -> Array:
    problem = _Problem(features, scale)
    signs = np.where(inside, 1.0, -1.0)
    weights, scores = np.zeros(len(scale) + 1), np.zeros(len(signs))
    loss, first_length = float(np.log(2) * costs.sum()), 0.0
    with threadpool_limits(1, user_api="blas"):  # sums in BLAS depend on the number of threads
        for _ in range(_MOST_STEPS):
            wrong = expit(-signs * scores)
            gradient = weights - problem.backward(costs * signs * wrong)
            length = float(np.linalg.norm(gradient))
            first_length = first_length or length
            if length <= _SMALL_GRADIENT * first_length:
                break
            exactness = min(0.1, np.sqrt(length / first_length))
            step = problem.newton_step(costs * wrong * (1 - wrong), gradient, exactness)
            step_scores = problem.forward(step)
            size, descent = 1.0, float(gradient @ step)
            while size > _LEAST_STEP:
                new_weights, new_scores = weights + size * step, scores + size * step_scores
                new_loss = float(new_weights @ new_weights / 2 + costs @ np.logaddexp(0, -signs * new_scores))
                if new_loss <= loss + 1e-4 * size * descent:
                    break
                size /= 2
            weights, scores, loss = new_weights, new_scores, new_loss
    return weights


class _Problem:
    """Products with the scaled features and a last column of ones.

    In parts of some rows they are computed in double precision. Newton's steps need not be exact, and are computed in
    single precision at once.
    """

    def __init__(self, features: csr_matrix, scale: Array) -> None:
        self._features, self._scale = features, scale
        self._columns = len(scale) + 1

    def forward(self, weights: Array) -> Array:
        """Return the product with weights, shape (texts,)."""
        scaled = weights[:-1] * self._scale
        scores: Array = np.concatenate([part @ scaled for _, part in self._parts()]) + weights[-1]
        return scores

    def backward(self, of_texts: Array) -> Array:
        """Return the sums over the texts, shape (n-grams + 1,)."""
        sums = np.zeros(self._columns)
        for rows, part in self._parts():
            sums[:-1] += part.T @ of_texts[rows]
        sums[:-1] *= self._scale
        sums[-1] = of_texts.sum()
        return sums

    def newton_step(self, curvatures: Array, gradient: Array, exactness: float) -> Array:
        """Return the step to the minimum of the quadratic approximation of the loss."""
        diagonal = np.zeros(self._columns)
        for rows, part in self._parts():
            np.square(part.data, out=part.data)
            diagonal[:-1] += part.T @ curvatures[rows]
        diagonal[:-1] *= self._scale**2
        diagonal[-1] = curvatures.sum()
        inverse = (1 / (1 + diagonal)).astype(np.float32)
        features, transposed = self._features, self._features.T
        scale, of_texts = self._scale.astype(np.float32), curvatures.astype(np.float32)

        def curved(direction: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            products = (features @ (direction[:-1] * scale) + direction[-1]) * of_texts
            curvature: npt.NDArray[np.float32] = np.append(transposed @ products * scale, products.sum())
            return direction + curvature

        shape = (self._columns, self._columns)
        hessian = LinearOperator(shape, matvec=curved, dtype=np.float32)
        preconditioner = LinearOperator(shape, matvec=lambda values: values * inverse, dtype=np.float32)
        right = (-gradient).astype(np.float32)
        step: Array = cg(hessian, right, rtol=exactness, maxiter=200, M=preconditioner)[0].astype(np.float64)
        return step

    def _parts(self) -> Iterator[tuple[slice, csr_matrix]]:
        """Yield some rows, and their features as a copy in double precision."""
        features, indptr = self._features, self._features.indptr
        for start, end in row_parts(indptr, max(_VALUES_AT_ONCE, 2 * self._columns)):
            places = slice(indptr[start], indptr[end])
            values = features.data[places].astype(np.float64)
            part = csr_matrix(
                (values, features.indices[places], indptr[start : end + 1] - indptr[start]),
                shape=(end - start, features.shape[1]),
            )
            yield slice(start, end), part
