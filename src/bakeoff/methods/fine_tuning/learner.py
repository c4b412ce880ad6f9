"""A language model and its training text, as the training loop wants them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bakeoff.data.types import SplitCorpus
from bakeoff.errors import UserError
from bakeoff.lm.batching import TokenBatch
from bakeoff.lm.examples import cut_note, example_tokens, training_rows
from bakeoff.lm.forward import CausalForward
from bakeoff.lm.language_model import LanguageModel
from bakeoff.lm.scoring_plan import Row
from bakeoff.methods.fine_tuning import sequences
from bakeoff.methods.fine_tuning.config import FineTuningConfig
from bakeoff.pretrained.adapters import count_parameters
from bakeoff.pretrained.saving import save_full
from bakeoff.runs.writing import folder_bytes
from bakeoff.training import distributed
from bakeoff.training.learner import LossSum, Validation
from bakeoff.training.memory import divided
from bakeoff.training.precision import choose_device

MICRO_BATCH_TOKENS = 2048
"""Tokens that go through the model at once, where a step has more: bounds the activations."""

MICRO_BATCH_TOKENS_FULL = 512
"""Fewer in full fine-tuning on a CPU, where gradients and optimizer take more memory: 1 GB less, 5 % slower."""

_MEASURED_TOKENS = 1024


class FineTuningLearner:
    """Full fine-tuning. `LoraLearner` saves adapters instead of the whole model."""

    micro_batch_tokens = MICRO_BATCH_TOKENS_FULL

    def __init__(
        self, model: Any, base: LanguageModel, data: SplitCorpus, config: FineTuningConfig, *, seed: int
    ) -> None:
        """
        Args:
            model: `base`'s network in fp32, perhaps with adapters on it.
            base: Blocks and lines are never longer than its context.
            seed: Of the order of blocks or lines.

        Raises:
            UserError: no line has a token that is predicted.
        """
        self.model = model
        self.trained_parameters = count_parameters(model, trained_only=True)
        self.total_parameters = count_parameters(model)
        self._tokenizer = base.tokenizer
        self._config = config
        self._seed = seed
        self._forward = CausalForward(model, sharded=base.forward.sharded)
        kind = "examples" if data.train.has_examples else config.sequences
        cut, self._batch_kind = sequences.KINDS[kind]
        on_cpu = choose_device().type == "cpu"
        self._most_tokens = self.micro_batch_tokens if on_cpu else MICRO_BATCH_TOKENS
        size = min(config.max_length, base.context_length)
        if data.train.has_examples:
            examples = example_tokens(base.tokenizer, data.train)
            self._train, self._notes = training_rows(examples, size), cut_note(examples, size, "training")
        else:
            self._train = cut(base.tokenizer, data.train, size)
            self._notes = sequences.cut_lines_note(self._train, size) if kind == "lines" else []
        self._validation = cut(base.tokenizer, data.validation, size)
        for split, rows in (("training", self._train), ("validation", self._validation)):
            if kind == "lines" and not rows:
                raise UserError(f"No {split} line has two tokens or more.", "Set `sequences: blocks`.")

    def notes(self) -> list[str]:
        return self._notes

    def measured_validation_seconds(self) -> float:
        """Return how long a pass over the validation text takes, from a piece of it."""
        with torch.no_grad():
            batches = self._batch(self._validation[: self._config.batch_size], MICRO_BATCH_TOKENS)
            piece = next(divided(batches[0], _MEASURED_TOKENS))
            started = time.perf_counter()
            self._forward.losses(piece)
            seconds = time.perf_counter() - started
        return seconds / piece.tokens * sum(len(row.inputs) for row in self._validation)

    def tokenizer_bytes(self) -> int:
        """Return the size of the tokenizer's files."""
        with tempfile.TemporaryDirectory() as folder:
            self._tokenizer.save_pretrained(folder)
            return folder_bytes(Path(folder))

    def steps(self, epoch: int) -> Sequence[Sequence[TokenBatch]]:
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self._train))
        size = self._config.batch_size
        return [
            self._batch([self._train[number] for number in order[start : start + size]], self._most_tokens)
            for start in range(0, len(order), size)
        ]

    def _batch(self, rows: Sequence[Row], most_tokens: int) -> list[TokenBatch]:
        if self._batch_kind is sequences.batch_packed and not self._forward.separates:
            return sequences.batch_padded(rows, most_tokens)
        return self._batch_kind(rows, most_tokens)

    def loss(self, batch: TokenBatch) -> LossSum:
        return LossSum(self._forward.summed_loss(batch))

    def validate(self) -> Validation:
        """Return nats per predicted token of the validation split, cut like the training split."""
        sums = torch.zeros(2, dtype=torch.float64)  # of the losses, and of the predicted tokens
        size = self._config.batch_size
        steps = [self._validation[start : start + size] for start in range(0, len(self._validation), size)]
        batches = [batch for step in steps for batch in self._batch(step, MICRO_BATCH_TOKENS)]
        for batch, own in distributed.shard_in_step(batches):
            losses = self._forward.losses(batch)
            if own:
                sums[0] += losses.double().sum()
                sums[1] += batch.count
        total, count = distributed.summed(sums).tolist()
        return Validation(total / count)

    def save_model(self, folder: Path, weights: dict[str, torch.Tensor]) -> None:
        save_full(self.model, folder, weights)
        self._tokenizer.save_pretrained(folder)
