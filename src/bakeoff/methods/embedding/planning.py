"""Forecast the embedding of texts from a sample of them, and the fit from one on the sample repeated."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bakeoff.data.types import LabeledTexts, SplitTable
from bakeoff.methods.base import with_all_labels
from bakeoff.methods.embedding.cache import Vectors
from bakeoff.methods.embedding.config import EmbeddingConfig
from bakeoff.methods.embedding.distillation import distill
from bakeoff.methods.embedding.embedder import Embedder
from bakeoff.methods.embedding.encoder import Encoder
from bakeoff.methods.embedding.fitting import Report, columns_for, fit_at, saving_network, saving_static
from bakeoff.methods.embedding.model import with_values
from bakeoff.methods.embedding.regression import DEFAULT_STRENGTH, STRENGTHS, Regression, held_out_parts
from bakeoff.methods.evaluated import evaluated_texts
from bakeoff.methods.table_columns.encoder import ColumnEncoder

_SAMPLE = 256
"""Texts that are embedded, which takes a second with a small encoder."""


_MOST_FITTED = 4_000
"""Texts of the fit that is measured."""

_LATER_FIT = 0.3
"""Time of a fit on four fifths of the texts that begins where another one ended, compared with the first."""


@dataclass
class Forecast:
    """The cost of a fit and of the evaluation."""

    training_seconds: float
    evaluation_seconds: float
    regression_parameters: int
    encoder_parameters: int | None  # None: depends on the layer that will be chosen
    save: Callable[[Path], None]
    notes: list[str] = field(default_factory=list)


def forecast(encoder: Encoder, config: EmbeddingConfig, data: SplitTable, report: Report) -> Forecast:
    """Embed a sample, and fit on it. What is in the cache costs nothing."""
    return _static(encoder, config, data, report) if config.static else _network(encoder, config, data, report)


def _network(encoder: Encoder, config: EmbeddingConfig, data: SplitTable, report: Report) -> Forecast:
    embedder = Embedder(encoder)
    sample = _sample(data)
    report("embedding a part", None)
    embedded = embedder.embed(sample.texts, keep=False, cached=False)  # or the fit would embed other texts than without
    seconds_a_character = embedded.seconds / _characters(sample.texts)
    choosing = len(encoder.layers) > 1
    read = [*data.train.texts, *(data.validation.texts if choosing else [])]
    fitted_texts = embedder.uncached(read)
    known = set(read)
    asked = embedder.uncached([text for text in evaluated_texts(data) if text not in known])
    columns = columns_for(data, config)
    layers = len(encoder.layers) if choosing else 0
    fitted, regression_seconds = _forecast_fit(embedded.vectors[0], sample, config, columns, len(data.train), layers)
    notes = [f"Measured on {len(sample):,} texts."]
    if cached := len(read) - len(fitted_texts):
        notes.append(f"Vectors of {cached:,} of {len(read):,} texts are in the cache.")
    return Forecast(
        seconds_a_character * _characters(fitted_texts) + regression_seconds,
        seconds_a_character * _characters(asked),
        fitted.parameters,
        None if choosing else encoder.parameters,
        saving_network(encoder, encoder.layers[0], config.model, fitted, columns),
        notes,
    )


def _static(encoder: Encoder, config: EmbeddingConfig, data: SplitTable, report: Report) -> Forecast:
    sample = _sample(data)
    static, seconds = distill(encoder, lambda share: report("distilling", share))  # cached, so the fit need not do it
    started = time.perf_counter()
    vectors = static.embed(sample.texts)
    embedding_seconds = time.perf_counter() - started
    columns = columns_for(data, config)
    fitted, regression_seconds = _forecast_fit(vectors, sample, config, columns, len(data.train))
    return Forecast(
        embedding_seconds * len(data.train) / len(sample) + regression_seconds,
        embedding_seconds * len(evaluated_texts(data)) / len(sample),
        fitted.parameters,
        static.parameters,
        saving_static(static, fitted, columns),
        [f"Measured on {len(sample):,} texts. The distillation, {seconds:.0f} seconds, is done and in the cache."],
    )


def _forecast_fit(
    vectors: Vectors,
    sample: LabeledTexts,
    config: EmbeddingConfig,
    columns: ColumnEncoder | None,
    texts: int,
    layers: int = 0,
) -> tuple[Regression, float]:
    """Return a regression on the sample, and the seconds of a fit on so many texts with its strength chosen.

    The sample is repeated up to their number: the time of a fit is in proportion to them only if they are many.

    Args:
        vectors: Of the sample, shape (texts, values).
        layers: So many layers are compared by a fit each.
    """
    rows = np.resize(np.arange(len(sample)), max(len(sample), min(texts, _MOST_FITTED)))
    started = time.perf_counter()
    repeated = sample.of(rows.tolist())
    values = with_values(vectors[rows], columns, repeated.texts)
    fitted = fit_at(DEFAULT_STRENGTH, values, repeated, config, columns)
    one = (time.perf_counter() - started) * texts / len(rows)
    parts = 1 if sample.label_sets is not None else held_out_parts(texts)
    return fitted, one * (1 + layers + _LATER_FIT * parts * len(STRENGTHS))


def _sample(data: SplitTable) -> LabeledTexts:
    """Return the first training texts, a random sample since the split is shuffled, and one of each absent class."""
    rows = list(range(min(_SAMPLE, len(data.train))))
    return data.train.of(with_all_labels(data.train, rows, len(data.label_names)))


def _characters(texts: Sequence[str]) -> int:
    return sum(map(len, texts)) + len(texts)
