"""Root mean square normalization (Zhang and Sennrich 2019), storing only its input for the backward pass.

In transformers' version every layer keeps two fp32 copies of its input, and each step of the formula is a pass over
memory. Here a few hundred rows at a time go through all steps while they are in the CPU's cache. In bf16 only the
result is rounded.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import torch

from bakeoff import native

ROWS = 256
"""Rows normalized at once: 0.6 MB in fp32 for rows of 576 values."""


def install_norm(module: Any) -> None:
    """Compute `module` in one operation if it is a root mean square normalization; leave others alone."""
    epsilon = getattr(module, "variance_epsilon", getattr(module, "eps", None))
    if not type(module).__name__.endswith("RMSNorm") or not isinstance(epsilon, float):
        return
    if getattr(module, "weight", None) is None:  # Gemma 4 normalizes values without one
        return
    # A copy: in fp32, as the two round differently in bf16, and with weights of its own, as there may be none yet.
    in_fp32 = copy.deepcopy(module).to_empty(device="cpu").float()
    sample = torch.linspace(-3, 3, 2 * module.weight.shape[0]).view(2, -1)
    with torch.no_grad():
        in_fp32.weight.copy_(torch.linspace(0.5, 1.5, module.weight.shape[0]))
        if torch.allclose(in_fp32(sample), _forward(in_fp32, epsilon, sample)):  # some add 1 to the weight
            module.forward = partial(_forward, module, epsilon)


def _forward(module: Any, epsilon: float, inputs: torch.Tensor) -> torch.Tensor:
    normalized: torch.Tensor = _RootMeanSquareNorm.apply(inputs, module.weight, epsilon)
    return normalized


class _RootMeanSquareNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
        rows = inputs.reshape(-1, inputs.shape[-1])
        output = torch.empty_like(rows)
        inverse = torch.empty(len(rows), 1, dtype=torch.float32)
        ctx.save_for_backward(rows, weight, inverse)
        if native.fits(rows, weight):
            native.run("norm_forward", rows, weight, output, inverse, *rows.shape, epsilon)
            return output.view(inputs.shape)
        for part, result, scale in zip(rows.split(ROWS), output.split(ROWS), inverse.split(ROWS), strict=True):
            values = part.to(torch.float32, copy=True)
            torch.rsqrt(torch.linalg.vecdot(values, values)[:, None].div_(rows.shape[1]).add_(epsilon), out=scale)
            result.copy_(values.mul_(scale).mul_(weight))
        return output.view(inputs.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        rows, weight, inverse = ctx.saved_tensors
        outer = gradients[0].reshape(rows.shape)
        for_rows = torch.empty_like(rows)
        if native.fits(rows, weight, outer):
            parts = torch.get_num_threads()
            sums = weight.new_zeros(parts, len(weight), dtype=torch.float32) if ctx.needs_input_grad[1] else None
            native.run("norm_backward", rows, weight, inverse, outer, for_rows, sums, parts, *rows.shape)
            return for_rows.view(gradients[0].shape), None if sums is None else sums.sum(0).to(weight.dtype), None
        for_weight = torch.zeros_like(weight, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        split = (tensor.split(ROWS) for tensor in (rows, outer, inverse, for_rows))
        for part, gradient, scale, result in zip(*split, strict=True):
            normalized = part.to(torch.float32, copy=True).mul_(scale)
            values = gradient.to(torch.float32, copy=True)
            if for_weight is not None:
                for_weight += torch.mul(values, normalized).sum(0)
            values.mul_(weight)
            mean = torch.linalg.vecdot(values, normalized)[:, None].div_(rows.shape[1])
            result.copy_(values.addcmul_(normalized, mean, value=-1).mul_(scale))
        return for_rows.view(gradients[0].shape), None if for_weight is None else for_weight.to(weight.dtype), None
