"""Vectors of texts from a network or from the cache."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bakeoff.methods.embedding.cache import VectorCache, Vectors, digest
from bakeoff.methods.embedding.encoder import Encoder, batches_of_one_length
from bakeoff.methods.encoded import EncodedTexts, TextBatch

KEPT_TEXTS = 256
"""Outside of a fit, vectors are kept of so many new texts or more: of a test split, but not of a single prediction or
of the variants of a text by which it is explained."""

_KEEPING_SECONDS = 30.0
"""How often vectors are written to the cache, so that a killed run loses little."""


@dataclass(frozen=True)
class Embedded:
    """The vectors of some texts."""

    vectors: Vectors  # shape (layers, texts, values)
    seconds: float  # that computing them took in this process
    cached_seconds: float  # that computing the others took before
    cached: int  # texts whose vectors were in the cache


class Embedder:
    """An encoder with its cache."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self._caches = [VectorCache(encoder.key(layer)) for layer in encoder.layers]

    def uncached(self, texts: Sequence[str]) -> list[str]:
        """Return the texts whose vectors are not in the cache."""
        names = [digest(text) for text in texts]
        found = [cache.read(names)[0] for cache in self._caches]
        return [text for text, name in zip(texts, names, strict=True) if not all(name in rows for rows in found)]

    def embed(
        self,
        texts: Sequence[str],
        *,
        keep: bool | None = None,
        cached: bool = True,
        report: Callable[[float], None] = lambda share: None,
    ) -> Embedded:
        """Return the vectors of texts.

        Args:
            keep: Whether to write new vectors to the cache; absent: if there are many.
            cached: False computes everything, to measure how long that takes.
            report: Gets the share that is done, 0 to 1, every now and then.
        """
        names = [digest(text) for text in texts]
        found, costs = zip(*(cache.read(names if cached else []) for cache in self._caches), strict=True)
        vectors = np.zeros((len(self._caches), len(texts), self.encoder.dimension), dtype=np.float32)
        known = np.array([all(name in rows for rows in found) for name in names], dtype=bool)
        for layer, rows in enumerate(found):
            for row in np.flatnonzero(known):
                vectors[layer, row] = rows[names[row]]
        started = time.perf_counter()
        if not known.all():
            keeping = keep if keep is not None else int((~known).sum()) >= KEPT_TEXTS
            self._compute(self.encoder.tokenize(texts), names, vectors, known, keeping, report)
        seconds = time.perf_counter() - started
        return Embedded(vectors, seconds, max(costs) if known.any() else 0.0, int(known.sum()))

    def _compute(
        self,
        tokens: EncodedTexts,
        names: Sequence[bytes],
        vectors: Vectors,
        known: np.ndarray[tuple[int], np.dtype[np.bool_]],
        keeping: bool,
        report: Callable[[float], None],
    ) -> None:
        """Fill in the vectors that are not known.

        A batch in which one is missing is computed as a whole: a killed run, which computes the rest later, then has
        the same vectors to the last bit as one that was not killed.
        """
        pending: list[TextBatch] = []
        begun, done = time.perf_counter(), 0
        batches = [batch for batch in batches_of_one_length(tokens) if not known[batch.rows].all()]
        total = sum(batch.tokens for batch in batches)
        for batch in batches:
            new = batch.rows[~known[batch.rows]]
            vectors[:, new] = self.encoder.vectors(batch, tokens)[:, ~known[batch.rows]]
            pending.append(TextBatch(new, tokens.lengths[new]))
            done += batch.tokens
            elapsed = time.perf_counter() - begun
            if keeping and (elapsed > _KEEPING_SECONDS or batch is batches[-1]):
                rows = np.concatenate([part.rows for part in pending])
                for layer, cache in enumerate(self._caches):
                    cache.write([names[row] for row in rows], vectors[layer, rows], elapsed)
                pending, begun = [], time.perf_counter()
            report(done / total)
