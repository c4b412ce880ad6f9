"""An LSTM or GRU classifier: as the training loop wants it, and as it is saved and used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file

from bakeoff.data.types import LabeledTexts, SplitTable
from bakeoff.data.words import tokenize
from bakeoff.methods.encoded import Rows, padding_share, shuffled_batches
from bakeoff.methods.linear.model import LinearModel
from bakeoff.methods.losses import class_weights, training_loss, validation_of
from bakeoff.methods.recurrent.config import RecurrentConfig
from bakeoff.methods.recurrent.linear_part import LinearPart, linear_answers
from bakeoff.methods.recurrent.network import RecurrentClassifier, class_probabilities
from bakeoff.methods.recurrent.pretraining import Pretrained
from bakeoff.methods.recurrent.vocabulary import WordVocabulary
from bakeoff.methods.saved import ModelConfig, write_model_config
from bakeoff.training.learner import LossSum, Validation
from bakeoff.training.precision import Precision, choose_device

_LINEAR_PART = "linear_part"  # folder in that of the model


class RecurrentModel:
    """Vocabulary, network and perhaps a linear model: from texts to probabilities."""

    def __init__(
        self,
        vocabulary: WordVocabulary,
        network: RecurrentClassifier,
        settings: RecurrentConfig,
        linear: LinearModel | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.network = network
        self.settings = settings
        self.linear = linear

    @property
    def parameters(self) -> int:
        own = sum(parameter.numel() for parameter in self.network.parameters())
        return own + (self.linear.parameters if self.linear else 0)

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Shape (texts, classes)."""
        encoded = self.vocabulary.encode(texts).cut(self.settings.max_length, self.settings.truncation)
        return class_probabilities(self.network, encoded, linear_answers(self.linear, texts) if self.linear else None)

    @classmethod
    def load(cls, folder: Path, config: ModelConfig, precision: Precision) -> RecurrentModel:
        settings = RecurrentConfig.model_validate(config.settings)
        vocabulary = WordVocabulary.load(folder / "vocabulary.json")
        network = RecurrentClassifier(settings, vocabulary.size, len(config.labels))
        network.load_state_dict(load_file(folder / "model.safetensors"))
        if precision == "bf16":
            network.round_layers()
        linear = LinearModel.load(folder / _LINEAR_PART) if settings.linear_part else None
        return cls(vocabulary, network.to(choose_device()).eval(), settings, linear)


@dataclass(frozen=True)
class TextBatch:
    """Rows of the training split."""

    rows: Rows
    lengths: npt.NDArray[np.int64]  # words in each of them

    @property
    def count(self) -> int:
        return len(self.rows)

    @property
    def tokens(self) -> int:
        return int(self.lengths.sum())

    def split(self, parts: int) -> list[TextBatch]:
        pieces = np.array_split(np.arange(self.count), min(parts, self.count))
        return [TextBatch(self.rows[piece], self.lengths[piece]) for piece in pieces]


class RecurrentTask:
    """The network with its training and validation texts, tokenized once."""

    def __init__(
        self,
        data: SplitTable,
        settings: RecurrentConfig,
        seed: int,
        pretrained: Pretrained | None = None,
        linear_part: LinearPart | None = None,
    ) -> None:
        """`linear_part`: fitted to `data` where the settings ask for one."""
        assert (linear_part is None) == (settings.linear_part is None)
        training = tokenize(data.train.texts, settings.vocabulary.punctuation)
        self.vocabulary = pretrained.vocabulary if pretrained else WordVocabulary.build(training, settings.vocabulary)
        uncut = self.vocabulary.encode_tokenized(training)
        self.share_cut = float(np.mean(uncut.lengths > settings.max_length))
        self._train = uncut.cut(settings.max_length, settings.truncation)
        self._validation = self.vocabulary.encode(data.validation.texts).cut(settings.max_length, settings.truncation)
        self._labels = torch.tensor(data.train.labels)
        self._linear_part = linear_part
        self._linear_validation = linear_answers(linear_part.model, data.validation.texts) if linear_part else None
        self._validation_side: LabeledTexts = data.validation
        self._label_names = data.label_names
        self._settings = settings
        self._seed = seed
        self._class_weights = class_weights(settings.class_weights, data.train.labels, len(data.label_names))
        torch.manual_seed(seed)
        model = RecurrentClassifier(settings, self.vocabulary.size, len(data.label_names))
        if model.evidence and linear_part:
            model.evidence.standardize(linear_part.training.evidence, torch.from_numpy(self._train.lengths))
        self.model = model.to(choose_device())
        if pretrained:
            self.model.load_state_dict({**self.model.state_dict(), **pretrained.weights})

    @property
    def padding_share(self) -> float:
        """Share of the computed positions of the first epoch that is padding."""
        return padding_share(self._train.lengths, self._batches(1))

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
        probabilities = class_probabilities(self.model, self._validation, self._linear_validation)
        return validation_of(self._validation_side.labels, probabilities)

    def save_model(self, folder: Path, weights: dict[str, torch.Tensor]) -> None:
        tensors = {**dict(self.model.named_buffers()), **weights}
        save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
        self.vocabulary.save(folder / "vocabulary.json")
        if self._linear_part:
            (folder / _LINEAR_PART).mkdir()
            self._linear_part.model.save(folder / _LINEAR_PART)
        write_model_config(
            folder, ModelConfig(self._settings.method, self._label_names, self._settings.model_dump(mode="json"))
        )

    def _batches(self, epoch: int) -> list[Rows]:
        return shuffled_batches(self._train.lengths, self._settings.batch_size, self._seed, epoch)

    @property
    def _device(self) -> torch.device:
        return self.model.output.weight.device
