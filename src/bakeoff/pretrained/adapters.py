"""Put adapters on a pretrained model through PEFT, and save them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peft
import torch
from peft.tuners.lora import LoraLayer
from safetensors.torch import save_file
from transformers.pytorch_utils import Conv1D

from bakeoff.errors import UserError
from bakeoff.pretrained.quantization import weight_count
from bakeoff.pretrained.quiet import quiet_libraries
from bakeoff.training import sharding, torchrun

Weights = dict[str, torch.Tensor]

_MAMBA = frozenset({"falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h"})
_PASSED_BY = frozenset({"conv1d", "dt_proj", "out_proj", "x_proj"})
"""Layers of those architectures whose weights are read without calling the layer, so that an adapter would do nothing.

PEFT refuses two of them."""


def put_adapters(model: Any, config: peft.LoraConfig, *, reference: str, seed: int) -> Any:
    """Freeze `model` and put the adapters of `config` on it.

    Args:
        reference: Name of the base model for plain PEFT; it is saved with the adapter.
        seed: Of the adapters' initial values.

    Raises:
        UserError: the model has no layers named in `target_modules`, PEFT has no default for it, or adapters would sit
            on shared weights.
    """
    # GPT-2's layers store their weights transposed.
    config.fan_in_fan_out = any(isinstance(module, Conv1D) for module in model.modules())
    passed_by = _PASSED_BY if model.config.model_type in _MAMBA else frozenset()
    if config.target_modules == "all-linear":
        config.exclude_modules = sorted(passed_by) or None
    torch.manual_seed(seed)
    try:
        with quiet_libraries():
            adapted = peft.get_peft_model(model, config)
    except ValueError as error:
        linear = (name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear | Conv1D))
        names = sorted({name.rsplit(".", 1)[-1] for name in linear} - passed_by)
        raise UserError(
            f"LoRA finds no layers to adapt: {str(error).splitlines()[0]}",
            f"Set target_modules to `all-linear`, or to some of {', '.join(names)}.",
        ) from None
    adapted.peft_config["default"].base_model_name_or_path = reference
    _refuse_shared_weights(adapted)
    return adapted


def count_parameters(model: Any, *, trained_only: bool = False) -> int:
    """Count a model's parameters, shared ones once."""
    return sum(weight_count(weight) for weight in model.parameters() if weight.requires_grad or not trained_only)


def trained_weights(adapted: Any) -> Weights:
    """Copy the adapters as they are now, by their names in `adapted`."""
    return {name: weight.detach().clone() for name, weight in adapted.named_parameters() if weight.requires_grad}


def save_adapter(adapted: Any, folder: Path, weights: Weights, *, taken_out: Weights | None = None) -> None:
    """Write adapter_config.json and adapter_model.safetensors, which plain PEFT loads on the original base model.

    If the weights are sharded, every process must call this, and the main process writes.

    Args:
        weights: The trained parameters by their names in `adapted`, in fp32.
        taken_out: For PiSSA, the initial adapters. They were taken out of the original weights, so on these weights
            they must be subtracted again: B A - B' A' = [B, -B'] [A; A'], a LoRA of twice the rank.
    """
    state = _state(adapted, weights)
    if not torchrun.is_main_process():
        return
    config = copy.deepcopy(adapted.peft_config["default"])
    if taken_out is not None:
        for name, initial in _state(adapted, taken_out).items():
            dim = 0 if "lora_A" in name else 1
            state[name] = torch.cat([state[name], initial if dim == 0 else -initial], dim=dim)
        config.r, config.lora_alpha = 2 * config.r, 2 * config.lora_alpha
    save_file(
        {name: tensor.contiguous().cpu() for name, tensor in state.items()},
        folder / "adapter_model.safetensors",
        metadata={"format": "pt"},
    )
    config.inference_mode = True
    config.save_pretrained(folder)


def _state(adapted: Any, weights: Weights) -> Weights:
    """Return parameters under the names that PEFT saves them by."""
    all_rows = {name: sharding.whole(weight) for name, weight in weights.items()}
    state: Weights = peft.get_peft_model_state_dict(adapted, state_dict=all_rows, save_embedding_layers=False)
    return state


def adapted_layers(adapted: Any) -> Iterator[tuple[str, LoraLayer]]:
    """Yield the layers with adapters, by their names in the base model."""
    for name, module in adapted.get_base_model().named_modules():
        if isinstance(module, LoraLayer):
            yield name, module


def _refuse_shared_weights(adapted: Any) -> None:
    """Raise UserError for an adapter on shared weights: merged, it would change the other layer as well."""
    owners: dict[int, int] = {}
    for module in adapted.get_base_model().modules():
        for parameter in module.parameters(recurse=False):
            owners[id(parameter)] = owners.get(id(parameter), 0) + 1
    for name, layer in adapted_layers(adapted):
        if owners[id(layer.get_base_layer().weight)] > 1:
            raise UserError(
                f"LoRA cannot adapt {name}: it shares its weights with another layer (input and output are tied).",
                "Leave it out of target_modules; `all-linear` means all the others.",
            )
