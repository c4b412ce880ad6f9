"""A language model and its training text, as the training loop wants them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bakeoff.data.types import SplitCorpus
from bakeoff.lm.batching import TokenBatch
from bakeoff.lm.forward import CausalForward
from bakeoff.methods.fine_tuning import sequences
from bakeoff.methods.fine_tuning.config import FineTuningConfig
from bakeoff.methods.lora.config import LoraConfig
from bakeoff.pretrained.adapters import save_adapter, trained_weights
from bakeoff.pretrained.pointer import write_pointer
from bakeoff.pretrained.saving import save_full
from bakeoff.training import distributed
from bakeoff.training.learner import LossSum, Validation

MICRO_BATCH_TOKENS = 2048
"""Tokens that go through the model at once, where a step has more: bounds the activations."""

MICRO_BATCH_TOKENS_FULL = 512
"""The same in full fine-tuning on a CPU, whose gradients and optimizer leave less memory: 1 GB less, 5 % slower."""


class LanguageModelTask:
    """Full fine-tuning, or LoRA where `model` carries an adapter."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        data: SplitCorpus,
        settings: FineTuningConfig,
        *,
        base_model: str,
        context_length: int,
        seed: int,
    ) -> None:
        """
        Args:
            model: In fp32; a PeftModel for LoRA, as `add_lora` has made it.
            base_model: Name of the model as the config gives it.
            context_length: Blocks and lines are never longer.
            seed: Of the order of blocks or lines.
        """
        self.model = model
        self._tokenizer = tokenizer
        self._settings = settings
        self._base_model = base_model
        self._seed = seed
        self._forward = CausalForward(model)
        pissa = isinstance(settings, LoraConfig) and settings.variant == "pissa"
        self._taken_out = trained_weights(model) if pissa else None
        cut = sequences.blocks if settings.sequences == "blocks" else sequences.lines
        self._batch = sequences.batch_blocks if settings.sequences == "blocks" else sequences.batch_lines
        thrifty = not isinstance(settings, LoraConfig) and self._forward.device.type == "cpu"
        self._most_tokens = MICRO_BATCH_TOKENS_FULL if thrifty else MICRO_BATCH_TOKENS
        size = min(settings.block_size, context_length)
        self._train = cut(tokenizer, data.train, size)
        self._validation = cut(tokenizer, data.validation, size)

    @property
    def validation_tokens(self) -> int:
        return sum(len(row.inputs) for row in self._validation)

    def steps(self, epoch: int) -> Sequence[Sequence[TokenBatch]]:
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self._train))
        size = self._settings.batch_size
        return [
            self._batch([self._train[number] for number in order[start : start + size]], self._most_tokens)
            for start in range(0, len(order), size)
        ]

    def loss(self, batch: TokenBatch) -> LossSum:
        return LossSum(self._forward.summed_loss(batch))

    def validate(self) -> Validation:
        """Nats per predicted token of the validation side, cut as the training side is."""
        sums = torch.zeros(2, dtype=torch.float64)  # of the losses, and of the predicted tokens
        size = self._settings.batch_size
        steps = [self._validation[start : start + size] for start in range(0, len(self._validation), size)]
        for batch in distributed.shard(batch for step in steps for batch in self._batch(step, MICRO_BATCH_TOKENS)):
            sums[0] += self._forward.losses(batch).double().sum()
            sums[1] += batch.count
        total, count = distributed.summed(sums).tolist()
        return Validation(total / count)

    def save_model(self, folder: Path, weights: dict[str, torch.Tensor]) -> None:
        if isinstance(self._settings, LoraConfig):
            save_adapter(self.model, folder, weights, taken_out=self._taken_out)
            write_pointer(folder, self._base_model)
        else:
            save_full(self.model, folder, weights)
        self._tokenizer.save_pretrained(folder)
