"""Linear layers in fp32 on a CPU, by oneDNN where it is faster than what torch takes.

torch multiplies fp32 matrices by MKL, which does not use AVX-512 on processors of other makers. oneDNN does, and is 2.3
times faster on an AMD EPYC that has it. Where there is only AVX2, MKL is faster, above all in the backward pass. torch
uses oneDNN for bf16 of its own accord.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import torch
import torch.nn.functional as F
from transformers.pytorch_utils import Conv1D


def available() -> bool:
    """Return whether torch has these operations of oneDNN; all but the first are for `packed_linear`."""
    operations = ("_linear_pointwise", "_reorder_linear_weight", "_is_mkldnn_bf16_supported")
    return torch.backends.mkldnn.is_available() and all(hasattr(torch.ops.mkldnn, name) for name in operations)


@cache
def is_faster() -> bool:
    """Return whether oneDNN's products are those to take on this processor."""
    return available() and torch.backends.cpu.get_cpu_capability() != "AVX2"


def linear(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Return inputs @ weight.T + bias, without a gradient in fp32.

    Args:
        inputs: Shape (..., inputs).
        weight: Shape (outputs, inputs).
        bias: Shape (outputs,).
    """
    if inputs.dtype != torch.float32 or not is_faster() or inputs.device.type != "cpu" or not inputs.numel():
        return F.linear(inputs, weight, bias)
    result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")
    return result


def product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return left @ right, of shape (..., columns), without a gradient in fp32.

    Args:
        left: Shape (..., inner).
        right: Shape (inner, columns).
    """
    return linear(left, right.t())


def add_product(total: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Add left @ right to `total` in place, in bf16 without rounding the product first; return it."""
    if total.dtype == torch.float32:
        return total.add_(product(left, right))
    return total.addmm_(left, right)


def install_linear(module: Any) -> None:
    """Compute `module` by oneDNN if that is faster and it is a plain linear layer; leave others alone."""
    if is_faster() and type(module) in (torch.nn.Linear, Conv1D):
        module.forward = partial(_forward, module)


def _forward(layer: Any, inputs: torch.Tensor) -> torch.Tensor:
    weight = layer.weight if isinstance(layer, torch.nn.Linear) else layer.weight.t()  # GPT-2's are transposed
    if inputs.dtype != torch.float32:
        return F.linear(inputs, weight, layer.bias)
    result: torch.Tensor = _Linear.apply(inputs, weight, layer.bias)
    return result


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        ctx.save_for_backward(inputs if ctx.needs_input_grad[1] else None, weight)
        return linear(inputs, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        inputs, weight = ctx.saved_tensors
        (outer,) = gradients
        rows = outer.flatten(0, -2)
        for_inputs = product(outer, weight) if ctx.needs_input_grad[0] else None
        for_weight = product(rows.t(), inputs.flatten(0, -2)) if ctx.needs_input_grad[1] else None
        for_bias = rows.sum(0) if ctx.needs_input_grad[2] else None
        return for_inputs, for_weight, for_bias
