"""A tuned encoder and its regression, as saved and loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bakeoff.methods.embedding.cache import Vectors
from bakeoff.methods.embedding.embedder import Embedder
from bakeoff.methods.embedding.encoder import load_encoder
from bakeoff.methods.embedding.model import EmbeddingModel
from bakeoff.methods.embedding.regression import Regression
from bakeoff.training.precision import Precision


class TunedEncoder:
    """An encoder whose vectors are not kept: no other contestant has its weights."""

    def __init__(self, folder: Path, precision: Precision) -> None:
        encoder = load_encoder(str(folder), pooling="auto", layer="last", max_length=None, precision=precision)
        self._embedder = Embedder(encoder)

    @property
    def parameters(self) -> int:
        return self._embedder.encoder.parameters

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors: Vectors = self._embedder.embed(texts, keep=False, cached=False).vectors[0]
        return vectors


def load_model(folder: Path, precision: Precision, *, multilabel: bool = False) -> EmbeddingModel:
    """Load what `SetFitLearner.save_model` has written.

    Raises:
        UserError: files are missing or damaged.
    """
    return EmbeddingModel(TunedEncoder(folder, precision), Regression.load(folder, multilabel=multilabel))
