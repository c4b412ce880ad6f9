"""A trained classifier of vectors, and the file that says how its texts are read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bakeoff.errors import UserError
from bakeoff.methods.embedding.cache import Vectors
from bakeoff.methods.embedding.regression import Regression
from bakeoff.methods.embedding.static import StaticEncoder
from bakeoff.methods.table_columns.encoder import ColumnEncoder
from bakeoff.pretrained.pointer import pointed_base
from bakeoff.runs.writing import write_text
from bakeoff.sections import RequestedPrecision

_NAME = "embedding.json"
_STATIC = "static"


@dataclass(frozen=True)
class Reading:
    """The way in which a frozen network reads texts. Its name is in base_model.json."""

    pooling: str
    normalize: bool
    layer: int
    max_length: int
    fingerprint: str  # of the network's weights


class TextEncoder(Protocol):
    """Turns texts into vectors."""

    @property
    def parameters(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return shape (texts, values)."""


class EmbeddingModel:
    """A frozen encoder, and the regression on its vectors and on columns beside the text, if it reads any."""

    def __init__(self, encoder: TextEncoder, regression: Regression, columns: ColumnEncoder | None = None) -> None:
        self.encoder = encoder
        self.regression = regression
        self.columns = columns

    @property
    def parameters(self) -> int:
        return self.encoder.parameters + self.regression.parameters

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return shape (texts, classes)."""
        return self.regression.probabilities(with_values(self.encoder.embed(texts), self.columns, texts))


def with_values(vectors: Vectors, columns: ColumnEncoder | None, texts: Sequence[str]) -> Vectors:
    """Return the vectors of texts with the values of their columns behind them, if any are read."""
    return vectors if columns is None else np.hstack([vectors, columns.encode(texts)])


class NetworkEncoder:
    """A network with its cache, one layer of which is read."""

    def __init__(self, model: str, reading: Reading, precision: RequestedPrecision) -> None:
        from bakeoff.methods.embedding.embedder import Embedder
        from bakeoff.methods.embedding.encoder import load_encoder
        from bakeoff.training.precision import choose_precision

        encoder = load_encoder(
            model,
            pooling=reading.pooling,
            layer=reading.layer,
            max_length=reading.max_length,
            normalize=reading.normalize,
            precision=choose_precision(precision),
        )
        if encoder.fingerprint.hex() != reading.fingerprint:
            raise UserError(
                f"The model {model} is another one than when this contestant was trained.",
                "Put the original files back, or train the contestant again.",
            )
        self._embedder = Embedder(encoder)

    @property
    def parameters(self) -> int:
        return self._embedder.encoder.parameters

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors: Vectors = self._embedder.embed(texts).vectors[0]
        return vectors


def save_static(
    folder: Path, encoder: StaticEncoder, regression: Regression, columns: ColumnEncoder | None = None
) -> None:
    """Write everything that predicting needs."""
    regression.save(folder)
    if columns is not None:
        columns.save(folder)
    encoder.save(folder / _STATIC)


def save_reading(folder: Path, reading: Reading, regression: Regression, columns: ColumnEncoder | None = None) -> None:
    """Write the regression and how texts are read; the network itself stays where it is."""
    regression.save(folder)
    if columns is not None:
        columns.save(folder)
    write_text(folder / _NAME, json.dumps(asdict(reading), indent=2) + "\n")


def load_model(
    folder: Path, precision: RequestedPrecision, *, multilabel: bool = False, features: bool = False
) -> EmbeddingModel:
    """Load what `save_static` or `save_reading` and `write_pointer` have written.

    Args:
        features: The model also reads columns.

    Raises:
        UserError: files are missing, or the network is not the one that was used in training.
    """
    regression = Regression.load(folder, multilabel=multilabel)
    columns = ColumnEncoder.load(folder) if features else None
    if (folder / _STATIC).is_dir():
        return EmbeddingModel(StaticEncoder.load(folder / _STATIC), regression, columns)
    model = pointed_base(folder)
    try:
        reading = Reading(**json.loads((folder / _NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise UserError(f"{folder / _NAME} is missing or damaged.", "Train the contestant again.") from None
    assert model is not None
    return EmbeddingModel(NetworkEncoder(model, reading, precision), regression, columns)
