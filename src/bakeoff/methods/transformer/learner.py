"""The learner of `transformer`: a pretrained model, its head and its texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import peft
import torch
from safetensors.torch import save_file

from bakeoff.data.types import SplitTable
from bakeoff.errors import UserError
from bakeoff.methods.encoded import EncodedTexts, Rows, TextBatch, padding_share, shuffled_batches
from bakeoff.methods.linear_part.fitting import LinearAnswers, LinearPart, linear_answers
from bakeoff.methods.linear_part.layers import EvidenceLayers
from bakeoff.methods.losses import class_weights, targets_of, training_loss, validation_of
from bakeoff.methods.table_columns.encoder import ColumnEncoder
from bakeoff.methods.table_columns.layers import ColumnLayers
from bakeoff.methods.transformer.config import TransformerConfig
from bakeoff.methods.transformer.model import (
    COLUMN_WEIGHTS,
    TOKENS_AT_ONCE,
    SequenceClassifier,
    columns_folder,
    evidence_path,
)
from bakeoff.pretrained.adapters import count_parameters, put_adapters, save_adapter
from bakeoff.pretrained.causality import is_causal
from bakeoff.pretrained.heads import answer_zero, head_modules
from bakeoff.pretrained.pointer import write_pointer
from bakeoff.pretrained.quantization import refuse_quantized
from bakeoff.pretrained.saving import save_full
from bakeoff.pretrained.sharded_loading import load_weights_for_sharding
from bakeoff.pretrained.sources import context_length, load_weights
from bakeoff.training import distributed, sharding
from bakeoff.training.learner import LossSum, Validation
from bakeoff.training.memory import divided
from bakeoff.training.precision import choose_device

_SMALL = 200_000_000
"""Encoders of up to so many weights are trained in full by `tuning: auto`: they fit into memory, and learn more."""

_NEW_RATE = 30.0
"""An encoder's head learns so many times as fast as the pretrained weights, because it begins with none of its own. At
the same rate it stays so small that the encoder saturates the states below it, and probabilities tell nothing."""

_COLUMN_RATE = 0.01
"""Peak learning rate of the layers that read columns, which are small and begin with no weights of their own."""

_NETWORK, _EVIDENCE, _COLUMNS = "network", "evidence", "columns"
"""The modules of a model that reads more than the text."""


class TransformerLearner:
    """A network under full fine-tuning or LoRA, with its training and validation texts encoded once."""

    def __init__(
        self,
        data: SplitTable,
        config: TransformerConfig,
        seed: int,
        linear_part: LinearPart | None = None,
        *,
        sharded: bool = False,
    ) -> None:
        """
        Args:
            seed: Seed for the head, the adapters and the order of texts.
            linear_part: Fitted on `data` if the config asks for one.
            sharded: Training is going to shard the model. Until then it cannot compute.

        Raises:
            UserError: the model cannot be loaded, is quantized, reads fewer tokens than `max_length`, or has no layers
                to adapt.
        """
        assert (linear_part is None) == (config.linear_part is None)
        torch.manual_seed(seed)  # a head that is not in the model's files gets random weights
        load = load_weights_for_sharding if sharded else load_weights
        model, tokenizer, reference = load(config.model, labels=data.label_names)
        refuse_quantized(model, config.model, "Method `transformer`")
        if data.multilabel:
            model.config.problem_type = "multi_label_classification"  # for those who load the folder with transformers
        _check_length(config, model, tokenizer)
        self.total_parameters = count_parameters(model)
        # If the model is to be sharded, the other processes do not have its weights.
        self._causal = distributed.from_main_process(lambda: is_causal(model))
        config = config.resolved(is_small_encoder=self.total_parameters <= _SMALL and not self._causal)
        if linear_part:
            answer_zero(model)
        if config.tuning == "lora":
            model = put_adapters(model, _lora_config(model, config), reference=reference, seed=seed)
        self.model = model if sharded else model.to(choose_device())
        self.trained_parameters = count_parameters(model, trained_only=True)
        self.classifier = SequenceClassifier(
            self.model,
            tokenizer,
            config.max_length,
            multilabel=data.multilabel,
            causal=self._causal,
            sharded=sharded,
        )
        uncut = self.classifier.encode(data.train.texts)
        self.share_cut = float(np.mean(uncut.lengths > config.max_length))
        self._train = self.classifier.cut(uncut)
        self._labels = targets_of(data.train)
        self._class_weights = class_weights(config.class_weights, data.train, len(data.label_names))
        self.validation: EncodedTexts = self.classifier.cut(self.classifier.encode(data.validation.texts))
        self._data = data
        self.config = config  # its tuning is chosen
        self._seed = seed
        self._linear_part = linear_part
        self.linear_validation: LinearAnswers | None = None
        self._columns: ColumnEncoder | None = None
        self._values: torch.Tensor | None = None
        self.validation_values: torch.Tensor | None = None
        beside: dict[str, torch.nn.Module] = {}
        if linear_part:
            beside[_EVIDENCE] = self._evidence_layers(linear_part)
        if data.features and config.features:
            beside[_COLUMNS] = self._column_layers()
        if beside:
            self.model = torch.nn.ModuleDict({_NETWORK: self.model, **beside})
        for layers in beside.values():
            self.trained_parameters += count_parameters(layers)
            self.total_parameters += count_parameters(layers)

    def _evidence_layers(self, linear_part: LinearPart) -> EvidenceLayers:
        """Put layers beside the network that read the evidence of a linear part."""
        evidence = EvidenceLayers(linear_part.evidence_size, len(self._data.label_names))
        evidence.standardize(linear_part.training.evidence, torch.from_numpy(self._train.lengths))
        self.classifier.evidence = evidence.to(choose_device())
        self.linear_validation = linear_answers(linear_part.model, self._data.validation.texts)
        return evidence

    def _column_layers(self) -> ColumnLayers:
        """Put layers beside the network that read the columns of the table."""
        self._columns = ColumnEncoder.fit(self._data.train.texts)
        self._values = torch.from_numpy(self._columns.encode(self._data.train.texts))
        self.validation_values = torch.from_numpy(self._columns.encode(self._data.validation.texts))
        layers = ColumnLayers(self._columns.size, len(self._data.label_names)).to(choose_device())
        self.classifier.columns = layers
        return layers

    def rate_multipliers(self) -> dict[str, float]:
        """Return factors on the learning rate: of layers of columns, and where all is trained of other new layers."""
        factors: dict[str, float] = {}
        if self.config.tuning != "lora":
            factors = dict.fromkeys([] if self._causal else head_modules(self.classifier.model), _NEW_RATE)
            factors |= {_EVIDENCE: _NEW_RATE} if self.classifier.evidence else {}
        if self.classifier.columns:
            assert self.config.learning_rate is not None  # filled in with the tuning
            factors[_COLUMNS] = _COLUMN_RATE / self.config.learning_rate
        names = [name for name, _ in self.model.named_parameters()]
        return {name: factor for module, factor in factors.items() for name in names if f".{module}." in f".{name}"}

    def notes(self) -> list[str]:
        # Of the first epoch, if memory suffices for whole batches.
        padding = padding_share(self._train.lengths, [batch.rows for step in self.steps(1) for batch in step])
        notes = [f"{padding:.1%} of the work was padding."]
        if self.share_cut:
            notes.append(f"{self.share_cut:.1%} of the training texts were cut to {self.config.max_length} tokens.")
        return notes

    def steps(self, epoch: int) -> Sequence[Sequence[TextBatch]]:
        lengths = self._train.lengths
        batches = shuffled_batches(lengths, self.config.batch_size, self._seed, epoch)
        return [list(divided(_by_length(rows, self._train), TOKENS_AT_ONCE)) for rows in batches]

    def loss(self, batch: TextBatch) -> LossSum:
        linear = self._linear_part.training if self._linear_part else None
        logits = self.classifier.logits(self._train, batch.rows, linear, self._values)
        return training_loss(logits, self._labels[batch.rows], self._class_weights)

    def validate(self) -> Validation:
        probabilities = self.classifier.probabilities(self.validation, self.linear_validation, self.validation_values)
        return validation_of(self._data.validation, probabilities)

    def save_model(self, folder: Path, weights: dict[str, torch.Tensor]) -> None:
        network, evidence = self.classifier.model, self.classifier.evidence
        if evidence and self._linear_part:
            self._linear_part.save(folder)
            tensors = {**dict(evidence.named_buffers()), **_inside(_EVIDENCE, weights)}
            save_file(_whole(tensors), evidence_path(folder))
        if self._columns:
            columns_folder(folder).mkdir()
            self._columns.save(columns_folder(folder))
            save_file(_whole(_inside(_COLUMNS, weights)), columns_folder(folder) / COLUMN_WEIGHTS)
        if evidence or self._columns:
            weights = _inside(_NETWORK, weights)
        if self.config.tuning == "lora":
            save_adapter(network, folder, weights)
            write_pointer(folder, self.config.model)
        else:
            save_full(network, folder, weights)
        self.classifier.tokenizer.save_pretrained(folder)


def _inside(module: str, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the weights of a module of the model, by their names in it."""
    prefix = f"{module}."
    return {name.removeprefix(prefix): weight for name, weight in weights.items() if name.startswith(prefix)}


def _whole(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return all rows of tensors that may be sharded. Every process must call this."""
    return {name: sharding.whole(tensor).cpu() for name, tensor in tensors.items()}


def _by_length(rows: Rows, encoded: EncodedTexts) -> TextBatch:
    """Sort rows by length, so that parts of the batch are padded to their own longest text."""
    lengths = encoded.lengths[rows]
    order = np.argsort(lengths, kind="stable")
    return TextBatch(rows[order], lengths[order])


def _check_length(config: TransformerConfig, model: Any, tokenizer: Any) -> None:
    longest = min(context_length(model, tokenizer), tokenizer.model_max_length)
    if config.max_length > longest:
        raise UserError(
            f"{config.model} reads at most {longest:,} tokens, and max_length is {config.max_length:,}.",
            f"Set max_length to {longest} or less.",
        )


def _lora_config(model: Any, config: TransformerConfig) -> peft.LoraConfig:
    return peft.LoraConfig(
        task_type=peft.TaskType.SEQ_CLS,
        r=config.r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=None if config.target_modules == "default" else config.target_modules,
        modules_to_save=head_modules(model),
    )
