"""A trained LSTM or GRU classifier, as it is saved and used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.torch import load_file

from bakeoff.methods.linear.model import LinearModel
from bakeoff.methods.linear_part.fitting import linear_answers, load_linear_part
from bakeoff.methods.recurrent.config import RecurrentConfig
from bakeoff.methods.recurrent.network import RecurrentClassifier, class_probabilities
from bakeoff.methods.recurrent.vocabulary import WordVocabulary
from bakeoff.training.precision import Precision, choose_device


class RecurrentModel:
    """A vocabulary, a network and perhaps a linear model: from texts to probabilities."""

    def __init__(
        self,
        vocabulary: WordVocabulary,
        network: RecurrentClassifier,
        config: RecurrentConfig,
        linear: LinearModel | None = None,
        *,
        multilabel: bool = False,
    ) -> None:
        self.vocabulary = vocabulary
        self.network = network
        self.config = config
        self.linear = linear
        self.multilabel = multilabel  # a text can have several labels

    @property
    def parameters(self) -> int:
        own = sum(parameter.numel() for parameter in self.network.parameters())
        return own + (self.linear.parameters if self.linear else 0)

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return shape (texts, classes)."""
        encoded = self.vocabulary.encode(texts).cut(self.config.max_length, self.config.truncation)
        answers = linear_answers(self.linear, texts) if self.linear else None
        return class_probabilities(self.network, encoded, answers, multilabel=self.multilabel)

    @classmethod
    def load(
        cls, folder: Path, config: RecurrentConfig, classes: int, precision: Precision, *, multilabel: bool = False
    ) -> RecurrentModel:
        vocabulary = WordVocabulary.load(folder / "vocabulary.json")
        linear = None
        if config.linear_part:
            linear, settings = load_linear_part(folder, config.linear_part)
            config = config.model_copy(update={"linear_part": settings})
        network = RecurrentClassifier(config, vocabulary.size, classes)
        network.load_state_dict(load_file(folder / "model.safetensors"))
        if precision == "bf16":
            network.round_layers()
        return cls(vocabulary, network.to(choose_device()).eval(), config, linear, multilabel=multilabel)
