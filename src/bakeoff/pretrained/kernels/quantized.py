"""A quantized linear layer that computes with its dequantized weight, in training and in evaluation alike.

bitsandbytes has more than one way on a CPU. In evaluation it rounds the inputs of int8 layers as well, and it may bring
4-bit weights into another order, through which no gradient flows afterwards. Here the weight is dequantized for one
product and dropped, in the forward pass and again in the backward pass.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from bakeoff.pretrained.kernels.linear import linear, product
from bakeoff.pretrained.quantization import dequantized, is_quantized


def install_quantized(module: Any) -> None:
    """Compute `module` with its dequantized weight if it is a quantized linear layer; leave others alone."""
    if is_quantized(module):
        module.forward = partial(_forward, module)


def _forward(layer: Any, inputs: torch.Tensor) -> torch.Tensor:
    output: torch.Tensor = _QuantizedLinear.apply(inputs, layer)
    return output


class _QuantizedLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, layer: Any) -> torch.Tensor:
        ctx.layer = layer
        return linear(inputs, dequantized(layer, inputs.dtype), layer.bias)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (outer,) = gradients
        return product(outer, dequantized(ctx.layer, outer.dtype)), None
