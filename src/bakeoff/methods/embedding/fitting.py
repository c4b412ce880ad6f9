"""Fit the regression on vectors, choosing the layer of a language model by the validation split."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.data.types import LabeledTexts, SplitTable
from bakeoff.evaluation.multilabel import label_losses
from bakeoff.methods.embedding import regression
from bakeoff.methods.embedding.cache import Vectors
from bakeoff.methods.embedding.config import EmbeddingConfig
from bakeoff.methods.embedding.distillation import distill
from bakeoff.methods.embedding.embedder import Embedded, Embedder
from bakeoff.methods.embedding.encoder import Encoder
from bakeoff.methods.embedding.label_regression import choose_label_strength, fit_labels
from bakeoff.methods.embedding.model import Reading, save_reading, save_static, with_values
from bakeoff.methods.embedding.static import StaticEncoder
from bakeoff.methods.table_columns.encoder import ColumnEncoder
from bakeoff.pretrained.pointer import write_pointer

Report = Callable[[str, float | None], None]

_LAYER_STRENGTH = 1e-2
"""Layers are compared with this strength; the chosen one then gets a strength of its own."""


@dataclass
class Fitted:
    """A fitted regression, and what it took."""

    regression: regression.Regression
    save: Callable[[Path], None]
    seconds: float
    earlier_seconds: float  # that computing cached vectors had taken
    settings: dict[str, Any]
    notes: list[str]


def fit_network(encoder: Encoder, config: EmbeddingConfig, data: SplitTable, report: Report) -> Fitted:
    """Fit on the vectors of a network."""
    embedder = Embedder(encoder)
    started = time.perf_counter()
    show = functools.partial(report, "embedding texts")
    train = embedder.embed(data.train.texts, keep=True, report=show)
    parts, index, notes = [train], 0, []
    if len(encoder.layers) > 1:
        parts.append(embedder.embed(data.validation.texts, keep=True, report=show))
        report("choosing a layer", None)
        index, note = _best_layer(encoder.layers, parts, data, _class_weight(config))
        notes.append(note)
    columns = columns_for(data, config)
    fitted, strength = fit_chosen(train.vectors[index], data.train, config, report, columns)
    if cached := sum(part.cached for part in parts):
        total = sum(len(part.vectors[0]) for part in parts)
        notes.append(f"Vectors of {cached:,} of {total:,} texts were in the cache; the time counts their computation.")
    return Fitted(
        fitted,
        saving_network(encoder, encoder.layers[index], config.model, fitted, columns),
        time.perf_counter() - started,
        sum(part.cached_seconds for part in parts),
        {
            "pooling": encoder.pooling.mode,
            "layer": encoder.layers[index],
            "max_length": encoder.pooling.max_length,
            "inverse_regularization": strength,
        },
        notes,
    )


def fit_static(encoder: Encoder, config: EmbeddingConfig, data: SplitTable, report: Report) -> Fitted:
    """Fit on the vectors of a static model, which is distilled from the network."""
    started = time.perf_counter()
    static, distilling = distill(encoder, functools.partial(report, "distilling"))
    spent = time.perf_counter() - started
    columns = columns_for(data, config)
    fitted, strength = fit_chosen(static.embed(data.train.texts), data.train, config, report, columns)
    return Fitted(
        fitted,
        saving_static(static, fitted, columns),
        time.perf_counter() - started,
        max(0.0, distilling - spent),
        {"inverse_regularization": strength},
        [],
    )


def columns_for(data: SplitTable, config: EmbeddingConfig) -> ColumnEncoder | None:
    """Return an encoder of the columns beside the text, or None if the contestant reads none."""
    return ColumnEncoder.fit(data.train.texts) if data.features and config.features else None


def fit_chosen(
    vectors: Vectors, train: LabeledTexts, config: EmbeddingConfig, report: Report, columns: ColumnEncoder | None
) -> tuple[regression.Regression, float]:
    """Return a regression and its inverse strength, chosen by cross-validation."""
    report("fitting", None)
    rule, size = _class_weight(config), columns.size if columns else 0
    values = with_values(vectors, columns, train.texts)
    if train.label_sets is not None:
        strength = choose_label_strength(values, train.label_sets, rule, columns=size)
    else:
        strength = regression.choose_strength(values, np.asarray(train.labels), rule, columns=size)
    return fit_at(strength, values, train, config, columns), strength


def fit_at(
    strength: float, values: Vectors, train: LabeledTexts, config: EmbeddingConfig, columns: ColumnEncoder | None
) -> regression.Regression:
    """Return a regression with this inverse strength on what `with_values` made of vectors."""
    rule, size = _class_weight(config), columns.size if columns else 0
    if train.label_sets is not None:
        return fit_labels(values, train.label_sets, rule, strength, columns=size)
    return regression.fit(values, np.asarray(train.labels), rule, strength, columns=size)


def saving_network(
    encoder: Encoder, layer: int, model: str, fitted: regression.Regression, columns: ColumnEncoder | None
) -> Callable[[Path], None]:
    """Return a function that saves a regression on a layer of `model`, which stays where it is."""
    length = encoder.pooling.max_length
    assert length is not None  # filled in by `load_encoder`
    reading = Reading(encoder.pooling.mode, encoder.pooling.normalize, layer, length, encoder.fingerprint.hex())

    def save(folder: Path) -> None:
        write_pointer(folder, model)
        save_reading(folder, reading, fitted, columns)

    return save


def saving_static(
    static: StaticEncoder, fitted: regression.Regression, columns: ColumnEncoder | None
) -> Callable[[Path], None]:
    """Return a function that saves a static model and its regression."""
    return functools.partial(save_static, encoder=static, regression=fitted, columns=columns)


def _best_layer(
    layers: Sequence[int], parts: Sequence[Embedded], data: SplitTable, class_weight: str | None
) -> tuple[int, str]:
    """Return the place of the layer with the lowest log-loss on the validation split, and a note."""
    labels, answers = np.asarray(data.train.labels), np.asarray(data.validation.labels)
    losses = []
    for train, validation in zip(parts[0].vectors, parts[1].vectors, strict=True):
        if data.multilabel:
            model = fit_labels(train, data.train.sets, class_weight, _LAYER_STRENGTH)
            losses.append(float(label_losses(data.validation.sets, model.probabilities(validation)).mean()))
            continue
        rows = regression.fit(train, labels, class_weight, _LAYER_STRENGTH).probabilities(validation)
        losses.append(float(-np.log(np.maximum(rows[np.arange(len(rows)), answers], 1e-12)).mean()))
    best = int(np.argmin(losses))
    tried = ", ".join(f"{layer}: {loss:.4f}" for layer, loss in zip(layers, losses, strict=True))
    return best, f"Layer {layers[best]} was chosen. Validation loss by layer: {tried}."


def _class_weight(config: EmbeddingConfig) -> str | None:
    """Return scikit-learn's name of the rule."""
    return None if config.class_weights == "none" else config.class_weights
