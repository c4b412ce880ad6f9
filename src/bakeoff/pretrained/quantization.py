"""Frozen linear layers in 8 or 4 bits, by bitsandbytes.

int8 scales each row by its largest absolute value. nf4 (QLoRA, Dettmers et al. 2023) takes blocks of 64 weights, rounds
them to the quantiles of a normal distribution, and quantizes the scales of the blocks as well.
"""

from __future__ import annotations

from typing import Any

import torch

from bakeoff.errors import UserError
from bakeoff.packages import require
from bakeoff.sections import Quantization

_ROWS = 64
"""Rows of an int8 weight that are scaled at once, while they are in the CPU's cache."""


def quantizer(quantization: Quantization) -> Any:
    """Return transformers' config for loading a model tensor by tensor, each quantized before the next one is read.

    Raises:
        UserError: bitsandbytes is not installed.
    """
    require_quantization(quantization)
    from transformers import BitsAndBytesConfig

    if quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32,
    )


def require_quantization(quantization: Quantization) -> None:
    """Check that quantized models can be loaded.

    Raises:
        UserError: bitsandbytes is not installed.
    """
    require("quantization", f"`quantization: {quantization}`", "Or leave `quantization` out.")


def is_quantized(layer: Any) -> bool:
    """Return whether a module is a linear layer whose weight is quantized."""
    if not isinstance(layer, torch.nn.Linear):  # such as PEFT's layers, which show the weight of the layer they adapt
        return False
    weight = layer.weight
    return getattr(weight, "quant_state", None) is not None or getattr(weight, "SCB", None) is not None


def refuse_quantized(model: Any, name: str, training: str) -> None:
    """Refuse to train a model that was loaded with quantized weights, which its contestant brought along.

    Args:
        training: The beginning of the message: what cannot train `name`.

    Raises:
        UserError: a layer is quantized.
    """
    if any(is_quantized(module) for module in model.modules()):
        raise UserError(
            f"{training} cannot train {name}: its weights are quantized.",
            "Name a model whose weights are not: the one it was made from, or a contestant that was trained without "
            "`quantization`.",
        )


def dequantized(layer: Any, dtype: torch.dtype) -> torch.Tensor:
    """Return the weight of a quantized layer, each value rounded once to `dtype`, shape (out, in)."""
    weight = layer.weight
    if weight.dtype == torch.int8:
        dense = torch.empty(weight.shape, dtype=dtype, device=weight.device)
        scales = weight.SCB[:, None] / 127
        parts = zip(dense.split(_ROWS), weight.data.split(_ROWS), scales.split(_ROWS), strict=True)
        for rows, values, scale in parts:
            rows.copy_(values.float().mul_(scale))
        return dense
    from bitsandbytes.functional import dequantize_blockwise

    state = weight.quant_state
    scales = dequantize_blockwise(state.absmax, state.state2) + state.offset
    # Each block as a row: on CPUs, bitsandbytes 0.50 takes the wrong scales for some rows (of 32 or 96 weights).
    count, size = weight_count(weight), state.blocksize
    blocks = (1, count) if count % size else (count // size, size)
    flat: torch.Tensor = torch.ops.bitsandbytes.dequantize_4bit.default(
        weight.data, scales, size, state.quant_type, blocks, dtype
    )
    return flat.view(*state.shape)


def weight_count(weight: torch.Tensor) -> int:
    """Return how many weights a parameter stands for: nf4 packs two of them into a byte."""
    state = getattr(weight, "quant_state", None)
    return weight.numel() if state is None else int(torch.Size(state.shape).numel())
