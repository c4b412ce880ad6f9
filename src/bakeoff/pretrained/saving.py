"""Save a whole model as a Hugging Face folder."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch

from bakeoff.pretrained.quiet import quiet_libraries


def save_full(model: Any, folder: Path, weights: dict[str, torch.Tensor]) -> None:
    """Write config.json, generation_config.json and model.safetensors, in fp32 even if the model computes in bf16.

    Args:
        weights: Values in fp32 that replace the model's own, by parameter name.
    """
    # A tied weight (an output layer that is also the embedding) has one parameter and several names. All names must get
    # the new value, or transformers would save the rounded value as a separate weight.
    replaced = {id(parameter): weights[name] for name, parameter in model.named_parameters() if name in weights}
    state = model.state_dict()
    for name, parameter in model.named_parameters(remove_duplicate=False):
        state[name] = replaced.get(id(parameter), state[name])
    with quiet_libraries():
        model.save_pretrained(folder, state_dict=state)
    config = copy.deepcopy(model.config)
    config.dtype = torch.float32
    config.save_pretrained(folder)
