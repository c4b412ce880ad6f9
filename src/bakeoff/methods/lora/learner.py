"""Adapters on a language model and the training text, as the training loop wants them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from bakeoff.data.types import SplitCorpus
from bakeoff.lm.language_model import LanguageModel
from bakeoff.methods.fine_tuning.learner import MICRO_BATCH_TOKENS, FineTuningLearner
from bakeoff.methods.lora.config import LoraConfig
from bakeoff.pretrained.adapters import save_adapter, trained_weights
from bakeoff.pretrained.pointer import write_pointer


class LoraLearner(FineTuningLearner):
    """Trains the adapters of a PeftModel, as `add_lora` has made it."""

    micro_batch_tokens = MICRO_BATCH_TOKENS

    def __init__(self, model: Any, base: LanguageModel, data: SplitCorpus, config: LoraConfig, *, seed: int) -> None:
        super().__init__(model, base, data, config, seed=seed)
        self._base_model, self._quantization = base.name, config.quantization
        self._taken_out = trained_weights(model) if config.variant == "pissa" else None

    def save_model(self, folder: Path, weights: dict[str, torch.Tensor]) -> None:
        save_adapter(self.model, folder, weights, taken_out=self._taken_out)
        write_pointer(folder, self._base_model, self._quantization)
        self._tokenizer.save_pretrained(folder)
