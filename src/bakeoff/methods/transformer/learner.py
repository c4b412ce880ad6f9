"""A pretrained model, its head and its texts, as the training loop wants them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import peft
import torch

from bakeoff.data.types import SplitTable
from bakeoff.errors import UserError
from bakeoff.methods.encoded import EncodedTexts, Rows, padding_share, shuffled_batches
from bakeoff.methods.losses import class_weights, training_loss, validation_of
from bakeoff.methods.recurrent.learner import TextBatch
from bakeoff.methods.saved import ModelConfig, write_model_config
from bakeoff.methods.transformer.config import TransformerConfig
from bakeoff.methods.transformer.model import TOKENS_AT_ONCE, SequenceClassifier
from bakeoff.pretrained.adapters import count_parameters, put_adapters, save_adapter
from bakeoff.pretrained.heads import head_modules
from bakeoff.pretrained.pointer import write_pointer
from bakeoff.pretrained.saving import save_full
from bakeoff.pretrained.sources import context_length, load_weights
from bakeoff.training.learner import LossSum, Validation
from bakeoff.training.memory import divided
from bakeoff.training.precision import choose_device


class TransformerTask:
    """Full fine-tuning or LoRA, with the training and validation texts encoded once."""

    def __init__(self, data: SplitTable, settings: TransformerConfig, seed: int) -> None:
        """
        Args:
            seed: Of the head, the adapters and the order of the texts.

        Raises:
            UserError: the model cannot be loaded, reads fewer tokens than `max_length`, or has no layers to adapt.
        """
        torch.manual_seed(seed)  # a head that is not in the model's files gets random weights
        model, tokenizer, reference = load_weights(settings.model, labels=data.label_names)
        _check_length(settings, model, tokenizer)
        self.total_parameters = count_parameters(model)
        if settings.tuning == "lora":
            model = put_adapters(model, _lora_config(model, settings), reference=reference, seed=seed)
        self.model = model.to(choose_device())
        self.trained_parameters = count_parameters(model, trained_only=True)
        self.classifier = SequenceClassifier(self.model, tokenizer, settings.max_length)
        uncut = self.classifier.encode(data.train.texts)
        self.share_cut = float(np.mean(uncut.lengths > settings.max_length))
        self._train = self.classifier.cut(uncut)
        self._labels = torch.tensor(data.train.labels)
        self._class_weights = class_weights(settings.class_weights, data.train.labels, len(data.label_names))
        self.validation: EncodedTexts = self.classifier.cut(self.classifier.encode(data.validation.texts))
        self._data = data
        self._settings = settings
        self._seed = seed

    @property
    def padding_share(self) -> float:
        """Share of the computed positions of the first epoch that is padding, if memory suffices for whole batches."""
        return padding_share(self._train.lengths, [batch.rows for step in self.steps(1) for batch in step])

    def steps(self, epoch: int) -> Sequence[Sequence[TextBatch]]:
        lengths = self._train.lengths
        batches = shuffled_batches(lengths, self._settings.batch_size, self._seed, epoch)
        return [list(divided(_by_length(rows, self._train), TOKENS_AT_ONCE)) for rows in batches]

    def loss(self, batch: TextBatch) -> LossSum:
        logits = self.classifier.logits(self._train, batch.rows)
        return training_loss(logits, self._labels[batch.rows], self._class_weights)

    def validate(self) -> Validation:
        return validation_of(self._data.validation.labels, self.classifier.probabilities(self.validation))

    def save_model(self, folder: Path, weights: dict[str, torch.Tensor]) -> None:
        if self._settings.tuning == "lora":
            save_adapter(self.model, folder, weights)
            write_pointer(folder, self._settings.model)
        else:
            save_full(self.model, folder, weights)
        self.classifier.tokenizer.save_pretrained(folder)
        write_model_config(
            folder, ModelConfig(self._settings.method, self._data.label_names, self._settings.model_dump(mode="json"))
        )


def _by_length(rows: Rows, encoded: EncodedTexts) -> TextBatch:
    """The rows with the shortest text first, so that parts of the batch are padded to their own longest text."""
    lengths = encoded.lengths[rows]
    order = np.argsort(lengths, kind="stable")
    return TextBatch(rows[order], lengths[order])


def _check_length(settings: TransformerConfig, model: Any, tokenizer: Any) -> None:
    longest = min(context_length(model.config, tokenizer), tokenizer.model_max_length)
    if settings.max_length > longest:
        raise UserError(
            f"{settings.model} reads at most {longest:,} tokens, and max_length is {settings.max_length:,}.",
            f"Set max_length to {longest} or less.",
        )


def _lora_config(model: Any, settings: TransformerConfig) -> peft.LoraConfig:
    return peft.LoraConfig(
        task_type=peft.TaskType.SEQ_CLS,
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=None if settings.target_modules == "default" else settings.target_modules,
        modules_to_save=head_modules(model),
    )
