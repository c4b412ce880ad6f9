"""A linear layer with a LoRA adapter (Hu et al. 2021) as one operation.

PEFT computes the layer, the adapter, the scaled adapter and their sum, each in a pass over memory, forward and
backward. Here the large product is added to the result of the small one as it is computed, and the frozen weight gets
no gradient. The small product comes first because bf16 rounds every result: only the smaller part is rounded twice.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from peft.tuners import lora
from transformers.pytorch_utils import Conv1D

from bakeoff.pretrained.kernels.dropout import Dropout, dropped, kept
from bakeoff.pretrained.kernels.linear import add_product
from bakeoff.pretrained.quantization import dequantized, is_quantized


def install_lora(module: Any) -> None:
    """Compute `module` in one operation if it is PEFT's plain LoRA on a linear layer; leave others alone."""
    known = type(module) is lora.Linear or (isinstance(module, lora.LoraLayer) and is_quantized(module.base_layer))
    if known and not module.lora_variant and not any(module.lora_bias.values()):
        module.forward = partial(_forward, module)


def _forward(layer: Any, inputs: torch.Tensor, *arguments: Any, **settings: Any) -> torch.Tensor:
    base, adapters = layer.base_layer, layer.active_adapters
    known = is_quantized(base) or type(base) in (torch.nn.Linear, Conv1D)
    if layer.disable_adapters or layer.merged or len(adapters) != 1 or not known:
        plain: torch.Tensor = type(layer).forward(layer, inputs, *arguments, **settings)
        return plain
    (name,) = adapters
    dropout = layer.lora_dropout[name]
    rows = inputs.reshape(-1, inputs.shape[-1])
    mask, factor = None, 1.0
    if isinstance(dropout, Dropout) and dropout.training:
        mask, factor = kept(rows.shape, dropout.p)
    output: torch.Tensor = _LoraLinear.apply(
        rows,
        base.weight.t() if isinstance(base, Conv1D) else base.weight,
        base if is_quantized(base) else None,
        base.bias,
        layer.lora_A[name].weight,
        layer.lora_B[name].weight,
        layer.scaling[name] * factor,
        mask,
    )
    return output.view(*inputs.shape[:-1], -1)


class _LoraLinear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        rows: torch.Tensor,  # (rows, in)
        weight: torch.Tensor,  # (out, in), frozen
        quantized: Any,  # the layer to which `weight` belongs, if it is quantized
        bias: torch.Tensor | None,  # (out,), frozen
        down: torch.Tensor,  # LoRA's A, (rank, in)
        up: torch.Tensor,  # LoRA's B, (out, rank)
        scaling: float,
        mask: torch.Tensor | None,  # elements that dropout keeps, (rows, in); `scaling` has its factor
    ) -> torch.Tensor:
        hidden = (_dropped(rows, mask) @ down.t()).mul_(scaling)
        output = hidden @ up.t() if bias is None else torch.addmm(bias, hidden, up.t())
        dense = dequantized(quantized, rows.dtype) if quantized else weight
        add_product(output, rows, dense.t())
        ctx.save_for_backward(rows, weight, down, up, hidden, mask)
        ctx.quantized, ctx.scaling = quantized, scaling
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (outer,) = gradients
        rows, weight, down, up, hidden, mask = ctx.saved_tensors
        for_up = outer.t() @ hidden
        for_hidden = (outer @ up).mul_(ctx.scaling)
        for_down = for_hidden.t() @ _dropped(rows, mask)
        for_rows = None
        if ctx.needs_input_grad[0]:
            dense = dequantized(ctx.quantized, outer.dtype) if ctx.quantized else weight
            for_rows = add_product(_dropped(for_hidden @ down, mask), outer, dense)
        return for_rows, None, None, None, for_down, for_up, None, None


def _dropped(values: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    return values if mask is None else dropped(values, mask)
