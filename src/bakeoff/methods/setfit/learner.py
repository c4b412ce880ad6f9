"""The learner of `setfit`: an encoder, whose vectors of texts are trained, and the regression on them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bakeoff.data.types import SplitTable
from bakeoff.methods.embedding import regression
from bakeoff.methods.embedding.cache import Vectors
from bakeoff.methods.embedding.encoder import resolve_pooling, tokenize
from bakeoff.methods.embedding.label_regression import fit_labels
from bakeoff.methods.embedding.pooling import write_pooling
from bakeoff.methods.encoded import EncodedTexts, Rows, TextBatch, batches_by_length, padding_share
from bakeoff.methods.losses import targets_of, validation_of
from bakeoff.methods.setfit.config import SetFitConfig
from bakeoff.methods.setfit.pairs import draw_batches, pair_loss, rarest_labels
from bakeoff.pretrained.adapters import count_parameters
from bakeoff.pretrained.causality import is_causal
from bakeoff.pretrained.kernels.install import install_kernels
from bakeoff.pretrained.quantization import refuse_quantized
from bakeoff.pretrained.saving import save_full
from bakeoff.pretrained.sources import load_weights
from bakeoff.training import distributed
from bakeoff.training.learner import LossSum, Validation
from bakeoff.training.memory import by_parts, divided
from bakeoff.training.precision import choose_device

STRENGTH = 1e-2
"""Inverse strength of the regression's penalty. It cannot be chosen on the training texts: training has drawn those of
a class together, so that they look easier than others are."""

_TEXTS_AT_ONCE = 64
_TOKENS_AT_ONCE = 2048

_SHORTEST = 0.8
"""The shortest of the texts that go through the network together has this share of the tokens of the longest."""


class PairBatch(TextBatch):
    """A batch that is never divided: its loss is that of pairs, of which parts have few, or none of two classes."""

    def split(self, parts: int) -> list[TextBatch]:
        return [self]


class SetFitLearner:
    """An encoder under training by pairs of texts, with its texts tokenized once."""

    def __init__(self, data: SplitTable, config: SetFitConfig, seed: int) -> None:
        """
        Args:
            seed: Seed for the choice of pairs, and for weights that the model's files lack.

        Raises:
            UserError: the model cannot be loaded, is quantized, or reads fewer tokens than `max_length`.
        """
        torch.manual_seed(seed)
        network, self.tokenizer, _ = load_weights(config.model, labels=())
        refuse_quantized(network, config.model, "Method `setfit`")
        self.pooling = resolve_pooling(config.model, network, self.tokenizer, config.pooling, config.max_length)
        self.causal = is_causal(network)
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(not name.startswith("pooler."))  # a vector is made of the states before it
        self.model: Any = network.to(choose_device())
        install_kernels(self.model, causal=self.causal)
        rows = len(data.label_names) if len(data.label_names) > 2 or data.multilabel else 1
        values = int(network.config.get_text_config().hidden_size)
        self.regression = regression.Regression(np.zeros((rows, values)), np.zeros(rows))
        self.trained_parameters = count_parameters(network, trained_only=True) + self.regression.parameters
        self.total_parameters = count_parameters(network) + self.regression.parameters
        self.train: EncodedTexts = tokenize(self.tokenizer, data.train.texts, self.pooling)
        self.validation: EncodedTexts = tokenize(self.tokenizer, data.validation.texts, self.pooling)
        self._labels = targets_of(data.train)
        self._classes = rarest_labels(data.train.sets) if data.multilabel else self._labels.numpy()
        self._data = data
        self._config = config
        self._seed = seed

    def notes(self) -> list[str]:
        batches = [batch for step in self.steps(1) for batch in step]
        parts = [part.rows for batch in batches for part in _alike(batch)]
        pairs = sum(batch.count * (batch.count - 1) // 2 for batch in batches)
        return [
            f"Every epoch had {pairs:,} pairs of texts.",
            f"{padding_share(self.train.lengths, parts):.1%} of the work was padding.",
        ]

    def steps(self, epoch: int) -> list[list[PairBatch]]:
        batches = draw_batches(self._classes, self._config.batch_size, self._seed, epoch)
        return [[PairBatch(rows, self.train.lengths[rows])] for rows in batches]

    def loss(self, batch: TextBatch) -> LossSum:
        """Return the loss of all pairs in the batch."""
        parts = _alike(batch)
        vectors = torch.cat([self._vectors(self.train, part.rows) for part in parts])
        rows = np.concatenate([part.rows for part in parts])
        return pair_loss(vectors, self._labels[rows].to(vectors.device))

    def validate(self) -> Validation:
        """Fit the regression on the training texts, and evaluate it on the validation split."""
        vectors = self.embed(self.train)
        if not np.isfinite(vectors).all():  # training has diverged, and no regression can be fitted
            return Validation(math.nan)
        rule = None if self._config.class_weights == "none" else self._config.class_weights
        if self._data.multilabel:
            self.regression = fit_labels(vectors, self._data.train.sets, rule, STRENGTH)
        else:
            self.regression = regression.fit(vectors, self._labels.numpy(), rule, STRENGTH)
        return validation_of(self._data.validation, self.regression.probabilities(self.embed(self.validation)))

    @torch.no_grad()
    def embed(self, texts: EncodedTexts) -> Vectors:
        """Return the vectors of texts, shape (texts, values). Under torchrun each process computes its share."""
        found = torch.zeros(len(texts), self.regression.weights.shape[1], dtype=torch.float64)
        was_training = self.model.training
        self.model.eval()
        for batch in distributed.shard(_batches(texts.lengths)):
            found[batch.rows] = torch.cat(by_parts(lambda part: self._vectors(texts, part.rows).cpu().double(), batch))
        self.model.train(was_training)
        vectors: Vectors = distributed.summed(found).float().numpy()
        return vectors

    def save_model(self, folder: Path, weights: dict[str, torch.Tensor]) -> None:
        """Write a folder that transformers and sentence-transformers load, and the regression beside it."""
        save_full(self.model, folder, weights)
        self.tokenizer.save_pretrained(folder)
        write_pooling(folder, self.pooling, self.regression.weights.shape[1])
        self.regression.save(folder)

    def _vectors(self, texts: EncodedTexts, rows: Rows) -> torch.Tensor:
        """Return shape (rows, values), in fp32."""
        ids, lengths = texts.padded(rows)
        inside = torch.arange(ids.shape[1]) < lengths[:, None]
        device = self.model.device
        if self.causal:  # never looks to the right: what stands there needs no mask
            states = self.model(input_ids=ids.to(device), use_cache=False)[0]
        else:
            mask = None if bool(inside.all()) else inside.long().to(device)
            states = self.model(input_ids=ids.to(device), attention_mask=mask)[0]
        return self.pooling.pooled(states, lengths.to(device), causal=self.causal)


def _alike(batch: TextBatch) -> list[TextBatch]:
    """Divide a batch into texts of similar length, longest first, so that little is padded."""
    order = np.argsort(-batch.lengths, kind="stable")
    lengths = batch.lengths[order]
    parts, start = [], 0
    while start < len(order):
        end = int(np.searchsorted(-lengths, -lengths[start] * _SHORTEST, side="right"))
        parts.append(TextBatch(batch.rows[order[start:end]], lengths[start:end]))
        start = end
    return parts


def _batches(lengths: Rows) -> list[TextBatch]:
    batches = (TextBatch(rows, lengths[rows]) for rows in batches_by_length(lengths, _TEXTS_AT_ONCE))
    return [part for batch in batches for part in divided(batch, _TOKENS_AT_ONCE)]
