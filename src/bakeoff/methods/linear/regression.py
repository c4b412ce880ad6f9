"""Logistic regressions, one class against the rest: liblinear's for few values, Newton's method for many.

Newton's steps are found by conjugate gradients with a preconditioner (Hsia, Chiang and Lin 2018, "Preconditioned
conjugate gradient methods in truncated Newton frameworks for large-scale linear classification"): the diagonal, and
for the n-grams that matter most all their products, since frequent n-grams go together. With half a million sentences,
that takes a quarter fewer steps. Newton's method holds nothing beside features in single precision, 8 bytes a value;
liblinear takes 12 and another 16 of its own, and is faster only where all weights fit into the processor's cache.

Values are sorted by column within blocks of rows. A product then jumps about in the numbers of a block's rows, which
the cache holds, and reads the weights in their order. By row, it would jump about in the weights of all n-grams: those
of a million sentences are 19 MB, and a value took 2.6 times as long as with an eighth of the sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csc_matrix, csr_matrix, diags_array
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import expit
from threadpoolctl import threadpool_limits

from bakeoff.methods.linear.tfidf import row_parts

Array = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

MOST_VALUES_OF_LIBLINEAR = 5_000_000
"""Up to here, it is up to twice as fast as Newton's method; with more, half as fast."""

_SMALL_GRADIENT = 1e-6
"""Of the one at the beginning. No weight is then further than 2e-4 of the largest one from the solution, as with
liblinear at its tolerance."""

_EXACTNESS = 0.1
"""Share of the gradient that a Newton step may leave. The total of conjugate gradient steps hardly depends on it."""

_DENSE_COLUMNS = 1_000
"""How many columns the preconditioner solves for together."""

_SAMPLED = 4
"""Every how many rows it looks at: long texts have ten thousand pairs of frequent n-grams each."""

_VALUES_AT_ONCE = 1_000_000
_VALUES_PER_COLUMN = 4  # of a block; the start of each column takes half the memory of a value
_LEAST_STEP = 1e-8
_MOST_STEPS = 100


def fit_logistic(
    features: csr_matrix | Sequence[csc_matrix],
    scale: Array,
    inside: npt.NDArray[np.bool_],
    *,
    strength: float,
    balanced: bool,
) -> Array:
    """Return the weights that minimize half their squared length and the logistic losses of all texts times `strength`.

    The last weight is the intercept.

    Args:
        features: Shape (texts, n-grams), for liblinear; or as blocks from `by_columns`, for Newton's method.
        scale: Factors of the columns, shape (n-grams,); the weights are those of the scaled columns.
        inside: Which texts are in the class, shape (texts,).
        balanced: Both sides count as much as each other.
    """
    if not isinstance(features, csr_matrix):
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


def by_columns(features: csr_matrix) -> list[csc_matrix]:
    """Cut features in float32 into blocks of rows, each sorted by column, in the memory of the features.

    The features are of no use afterwards: two copies of those of a million texts would take a gigabyte.
    """
    blocks = []  # made from empty matrices, since scipy copies views of much larger arrays
    for start, end in row_parts(features.indptr, max(_VALUES_AT_ONCE, _VALUES_PER_COLUMN * features.shape[1])):
        places = slice(features.indptr[start], features.indptr[end])
        part = csr_matrix((end - start, features.shape[1]), dtype=features.dtype)
        part.data, part.indices = features.data[places], features.indices[places]
        part.indptr = features.indptr[start : end + 1] - features.indptr[start]
        block = part.tocsc()
        features.data[places], features.indices[places] = block.data, block.indices
        block.data, block.indices = features.data[places], features.indices[places]
        blocks.append(block)
    return blocks


def _by_newton(blocks: Sequence[csc_matrix], scale: Array, inside: npt.NDArray[np.bool_], costs: Array) -> Array:
    problem = _Problem(blocks, scale)
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
            step = problem.newton_step(costs * wrong * (1 - wrong), gradient)
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

    They are computed in double precision, some columns at a time. Newton's steps need not be exact, and are computed in
    single precision, a block at a time.
    """

    def __init__(self, blocks: Sequence[csc_matrix], scale: Array) -> None:
        ends = np.cumsum([block.shape[0] for block in blocks]).tolist()
        self._blocks = [(slice(end - block.shape[0], end), block) for end, block in zip(ends, blocks, strict=True)]
        self._scale, self._texts = scale, ends[-1]

    def forward(self, weights: Array) -> Array:
        """Return the product with weights, shape (texts,)."""
        scaled = weights[:-1] * self._scale
        scores = np.full(self._texts, weights[-1])
        for rows, columns, part in self._parts():
            scores[rows] += part @ scaled[columns]
        return scores

    def backward(self, of_texts: Array) -> Array:
        """Return the sums over the texts, shape (n-grams + 1,)."""
        sums = np.zeros(len(self._scale) + 1)
        for rows, columns, part in self._parts():
            sums[columns] += part.T @ of_texts[rows]
        sums[:-1] *= self._scale
        sums[-1] = of_texts.sum()
        return sums

    def newton_step(self, curvatures: Array, gradient: Array) -> Array:
        """Return the step to the minimum of the quadratic approximation of the loss."""
        diagonal = np.zeros(len(gradient))
        for rows, columns, part in self._parts():
            np.square(part.data, out=part.data)
            diagonal[columns] += part.T @ curvatures[rows]
        diagonal[:-1] *= self._scale**2
        diagonal[-1] = curvatures.sum()
        scale, of_texts = self._scale.astype(np.float32), curvatures.astype(np.float32)

        def curved(direction: Singles) -> Singles:
            scaled = direction[:-1] * scale
            curvature = np.zeros_like(direction)
            for rows, block in self._blocks:
                products = (block @ scaled + direction[-1]) * of_texts[rows]
                curvature[:-1] += block.T @ products
                curvature[-1] += products.sum()
            curvature[:-1] *= scale
            return direction + curvature

        shape = (len(gradient), len(gradient))
        hessian = LinearOperator(shape, matvec=curved, dtype=np.float32)
        preconditioner = LinearOperator(shape, matvec=self._solver(of_texts, diagonal), dtype=np.float32)
        right = (-gradient).astype(np.float32)
        step: Array = cg(hessian, right, rtol=_EXACTNESS, maxiter=200, M=preconditioner)[0].astype(np.float64)
        return step

    def _solver(self, curvatures: Singles, diagonal: Array) -> Callable[[Singles], Singles]:
        """Return a function that divides by the Hessian, about: by its diagonal alone except in the largest columns."""
        count = min(_DENSE_COLUMNS, len(self._scale))
        columns = np.sort(np.argpartition(-diagonal[:-1], count - 1)[:count])
        products = np.zeros((count + 1, count + 1))
        for rows, block in self._blocks:
            some = block[:, columns].tocsr()[::_SAMPLED]
            weighted = diags_array(curvatures[rows][::_SAMPLED]) @ some
            products[:-1, :-1] += (some.T @ weighted).toarray()
            products[-1, :-1] += np.ravel(weighted.sum(axis=0))
            products[-1, -1] += curvatures[rows][::_SAMPLED].sum()
        scale = np.append(self._scale[columns], 1.0)
        products *= _SAMPLED * np.outer(scale, scale)
        products[np.diag_indices(count + 1)] += 1
        factor = cho_factor(products, lower=True, overwrite_a=True)  # reads what is on and below the diagonal
        inverse, largest = (1 / (1 + diagonal)).astype(np.float32), np.append(columns, len(self._scale))

        def solve(values: Singles) -> Singles:
            solution = values * inverse
            solution[largest] = cho_solve(factor, values[largest], check_finite=False)
            return solution

        return solve

    def _parts(self) -> Iterator[tuple[slice, slice, csc_matrix]]:
        """Yield some rows, some columns, and the features there as a copy in double precision."""
        for rows, block in self._blocks:
            for start, end in row_parts(block.indptr, _VALUES_AT_ONCE):
                places = slice(block.indptr[start], block.indptr[end])
                values = block.data[places].astype(np.float64)
                arrays = (values, block.indices[places], block.indptr[start : end + 1] - block.indptr[start])
                yield rows, slice(start, end), csc_matrix(arrays, shape=(block.shape[0], end - start))
