"""Save a whole model as a Hugging Face folder."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from bakeoff.pretrained.quiet import quiet_libraries
from bakeoff.training import sharding, torchrun

_DTYPES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.int64: "I64", torch.bool: "BOOL"}
"""The names of safetensors for the types that models have."""


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
    sharded = any(map(sharding.is_sharded, state.values()))
    with quiet_libraries():
        model.save_pretrained(folder, state_dict={} if sharded else state)  # of nothing, it writes no file of weights
    if sharded:
        once = {id(tensor): name for name, tensor in reversed(state.items())}
        _write_one_by_one({name: state[name] for name in reversed(once.values())}, folder / "model.safetensors")
    config = copy.deepcopy(model.config)
    config.dtype = torch.float32
    config.save_pretrained(folder)


def _write_one_by_one(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write a safetensors file of sharded tensors. No process ever holds all rows of more than one of them.

    Every process must call this, with a path of its own; all rows are in the main process's file.
    """
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            rows = sharding.whole(tensor.detach())
            if torchrun.is_main_process():
                file.write(rows.cpu().flatten().view(torch.uint8).numpy().data)
