"""LoRA adapters and their variants through PEFT. `docs/explanation/lora.md` compares them."""

from __future__ import annotations

from typing import Any

import peft
from peft.tuners.lora import Linear as AdaptedLinear

from bakeoff.errors import UserError
from bakeoff.methods.lora.config import LoraConfig
from bakeoff.pretrained.adapters import adapted_layers, put_adapters

# The approximate SVD with 16 iterations is as good as the exact one in PiSSA's paper, and five times quicker.
_PISSA = "pissa_niter_16"


def add_lora(model: Any, config: LoraConfig, *, reference: str, seed: int) -> Any:
    """Freeze `model` and put adapters on it: LoRA (Hu et al. 2021) or a variant of it.

    rsLoRA (Kalajdzievski 2023) scales the adapters by alpha / sqrt(r), DoRA (Liu et al. 2024) trains the length of each
    row of a weight apart from its direction, PiSSA (Meng et al. 2024) starts from the largest singular values of each
    weight and takes them out of it. LoRA+ (Hayou et al. 2024) is plain LoRA here: see `rate_multipliers`. With all of
    them the adapted model computes at first what the model computed before.

    Args:
        model: In fp32. PiSSA changes its weights.
        reference: Name of the base model for plain PEFT; it is saved with the adapter.
        seed: Of the adapters' first values.

    Raises:
        UserError: the model has no layers of the names in `target_modules`, no default is known for it, or the variant
            does not work on those layers.
    """
    adapters = peft.LoraConfig(
        task_type=peft.TaskType.CAUSAL_LM,
        r=config.r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=None if config.target_modules == "default" else config.target_modules,
        use_rslora=config.variant == "rslora",
        use_dora=config.variant == "dora",
    )
    adapted = put_adapters(model, adapters, reference=reference, seed=seed)
    if config.variant == "pissa":
        _start_from_principal_components(adapted, config.r)
    return adapted


def rate_multipliers(adapted: Any, config: LoraConfig) -> dict[str, float]:
    """Return factors on the learning rate by parameter name: LoRA+ trains the B matrices faster."""
    if config.loraplus_ratio is None:
        return {}
    return {name: config.loraplus_ratio for name, _ in adapted.named_parameters() if ".lora_B." in name}


def _start_from_principal_components(adapted: Any, rank: int) -> None:
    values = {}
    for name, layer in adapted_layers(adapted):
        if not isinstance(layer, AdaptedLinear):
            raise UserError(f"PiSSA adapts linear layers only, and {name} is none.", "Choose another `variant`.")
        values[name] = min(layer.in_features, layer.out_features)
    name = min(values, key=lambda each: values[each])
    if rank > values[name]:
        raise UserError(
            f"PiSSA takes r singular values out of each weight, and {name} has {values[name]}, not {rank}.",
            f"Set r to {values[name]} or less.",
        )
    for _, layer in adapted_layers(adapted):
        layer.pissa_init("default", _PISSA)
