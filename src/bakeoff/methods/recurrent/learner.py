"""The learner of `lstm` and `gru`: the network with its texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from bakeoff.data.types import LabeledTexts, SplitTable
from bakeoff.data.words import tokenize
from bakeoff.methods.encoded import Rows, TextBatch, padding_share, shuffled_batches
from bakeoff.methods.linear_part.fitting import LinearPart, linear_answers
from bakeoff.methods.losses import class_weights, targets_of, training_loss, validation_of
from bakeoff.methods.recurrent.config import RecurrentConfig
from bakeoff.methods.recurrent.network import RecurrentClassifier, class_probabilities
from bakeoff.methods.recurrent.pretraining_learner import Pretrained
from bakeoff.methods.recurrent.vocabulary import WordVocabulary
from bakeoff.training.learner import LossSum, Validation
from bakeoff.training.precision import choose_device


class RecurrentLearner:
    """A network with its training and validation texts, tokenized once."""

    def __init__(
        self,
        data: SplitTable,
        config: RecurrentConfig,
        seed: int,
        pretrained: Pretrained | None = None,
        linear_part: LinearPart | None = None,
    ) -> None:
        """`linear_part`: fitted on `data` if the config asks for one."""
        assert (linear_part is None) == (config.linear_part is None)
        if linear_part:
            config = config.model_copy(update={"linear_part": linear_part.settings})
        training = tokenize(data.train.texts, config.vocabulary.punctuation)
        self.vocabulary = pretrained.vocabulary if pretrained else WordVocabulary.build(training, config.vocabulary)
        uncut = self.vocabulary.encode_tokenized(training)
        self.share_cut = float(np.mean(uncut.lengths > config.max_length))
        self._train = uncut.cut(config.max_length, config.truncation)
        self._validation = self.vocabulary.encode(data.validation.texts).cut(config.max_length, config.truncation)
        self._labels = targets_of(data.train)
        self._linear_part = linear_part
        self._linear_validation = linear_answers(linear_part.model, data.validation.texts) if linear_part else None
        self._validation_texts: LabeledTexts = data.validation
        self._label_names = data.label_names
        self._config = config
        self._seed = seed
        self._class_weights = class_weights(config.class_weights, data.train, len(data.label_names))
        torch.manual_seed(seed)
        model = RecurrentClassifier(config, self.vocabulary.size, len(data.label_names))
        if model.evidence and linear_part:
            model.evidence.standardize(linear_part.training.evidence, torch.from_numpy(self._train.lengths))
        self.model = model.to(choose_device())
        if pretrained:
            self.model.load_state_dict({**self.model.state_dict(), **pretrained.weights})
        self.trained_parameters = self.total_parameters = sum(weight.numel() for weight in self.model.parameters())

    def notes(self) -> list[str]:
        padding = padding_share(self._train.lengths, self._batches(1))
        unit = self.vocabulary.unit
        notes = [f"The vocabulary has {self.vocabulary.size:,} {unit}; {padding:.1%} of the work was padding."]
        if self.vocabulary.reason:
            notes.append(self.vocabulary.reason)
        if self.share_cut:
            notes.append(f"{self.share_cut:.1%} of the training texts were cut to {self._config.max_length} {unit}.")
        return notes

    def steps(self, epoch: int) -> Sequence[Sequence[TextBatch]]:
        lengths = self._train.lengths
        return [[TextBatch(rows, lengths[rows])] for rows in self._batches(epoch)]

    def loss(self, batch: TextBatch) -> LossSum:
        words, lengths = self._train.padded(batch.rows)
        device = self._device
        linear = self._linear_part.training.of(batch.rows, device) if self._linear_part else None
        logits = self.model(words.to(device), lengths.to(device), linear)
        return training_loss(logits, self._labels[batch.rows], self._class_weights)

    def validate(self) -> Validation:
        probabilities = class_probabilities(
            self.model, self._validation, self._linear_validation, multilabel=self._labels.dim() == 2
        )
        return validation_of(self._validation_texts, probabilities)

    def save_model(self, folder: Path, weights: dict[str, torch.Tensor]) -> None:
        tensors = {**dict(self.model.named_buffers()), **weights}
        save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
        self.vocabulary.save(folder / "vocabulary.json")
        if self._linear_part:
            self._linear_part.save(folder)

    def _batches(self, epoch: int) -> list[Rows]:
        return shuffled_batches(self._train.lengths, self._config.batch_size, self._seed, epoch)

    @property
    def _device(self) -> torch.device:
        return self.model.output.weight.device
