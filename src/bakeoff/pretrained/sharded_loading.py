"""Load a model that training is about to shard: only the main process holds its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from bakeoff.errors import UserError
from bakeoff.pretrained.sources import load_weights
from bakeoff.training import distributed, torchrun


def load_weights_for_sharding(name: str, *, labels: Sequence[str] | None = None) -> tuple[Any, Any, str]:
    """Load a model as `load_weights` does, in the main process. Every process must call this.

    The others get the same network on torch's meta device, where weights have a shape and no values, and the same
    tokenizer. `training.parallel` gives every process its rows of the weights.

    Raises:
        UserError: as `load_weights`, or the model is a contestant with quantized weights.
    """
    loaded: list[Any] = []

    def load() -> tuple[Any, Any, Any, str]:
        model, tokenizer, reference = load_weights(name, labels=labels)
        if getattr(model.config, "quantization_config", None):
            raise UserError(
                f"The weights of {name} are quantized, and such weights cannot be divided.",
                "Set distributed.strategy: ddp.",
            )
        loaded.append(model)
        return type(model), model.config, tokenizer, reference

    kind, config, tokenizer, reference = distributed.from_main_process(load)
    if torchrun.is_main_process():
        return loaded[0], tokenizer, reference
    with torch.device("meta"):
        return kind(config).eval(), tokenizer, reference
