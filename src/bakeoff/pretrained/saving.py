"""A whole model as a Hugging Face folder."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch

from bakeoff.pretrained.quiet import quiet_libraries


def save_full(model: Any, folder: Path, weights: dict[str, torch.Tensor]) -> None:
    """Write config.json, generation_config.json and model.safetensors, in fp32 even if the model computes in bf16.

    Args:
        weights: Values in fp32 that take the place of the model's own, by the name of the parameter.
    """
    # A tied weight (the output layer that is also the embedding) has one parameter and several names. All of them must
    # get the new value, or transformers would take the names apart and save the rounded one as a weight of its own.
    replaced = {id(parameter): weights[name] for name, parameter in model.named_parameters() if name in weights}
    state = model.state_dict()
    for name, parameter in model.named_parameters(remove_duplicate=False):
        state[name] = replaced.get(id(parameter), state[name])
    with quiet_libraries():
        model.save_pretrained(folder, state_dict=state)
    config = copy.deepcopy(model.config)
    config.dtype = torch.float32
    config.save_pretrained(folder)
