"""The gated layer of Llama-type models, down(silu(gate) * up), storing only gate and up for the backward pass.

SwiGLU: Shazeer 2020. The result of the activation is cheaper to compute again than to store. It is computed for a few
rows at a time, while they are in the CPU's cache.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from transformers.activations import NewGELUActivation

from bakeoff import native
from bakeoff.pretrained.kernels.linear import linear, product

ROWS = 256
"""Rows activated at once."""


def install_mlp(module: Any) -> None:
    """Compute the activation of a gated layer, or GPT-2's, in fewer passes; leave other modules alone."""
    parts = [getattr(module, name, None) for name in ("gate_proj", "up_proj", "down_proj")]
    activation = getattr(module, "act_fn", None)
    is_silu = isinstance(activation, torch.nn.SiLU) or type(activation).__name__ == "SiLUActivation"
    if type(module).__name__.endswith("MLP") and is_silu and None not in parts and _is_plain(module):
        module.forward = partial(_gated, module)
    for name, child in module.named_children():
        if type(child) is NewGELUActivation:  # eight operations; torch has one for them
            setattr(module, name, torch.nn.GELU(approximate="tanh"))


def _is_plain(module: Any) -> bool:
    """Return whether a gated layer computes nothing else: some scale or clamp, as those of Falcon-H1 do."""
    if {name for name, _ in module.named_children()} - {"gate_proj", "up_proj", "down_proj", "act_fn"}:
        return False
    small = copy.copy(module)  # with weights of its own: there may be none yet, or quantized ones
    small._modules = dict(module._modules)
    for name, sizes in (("gate_proj", (2, 3)), ("up_proj", (2, 3)), ("down_proj", (3, 2))):
        layer = torch.nn.utils.skip_init(torch.nn.Linear, *sizes, bias=False)  # draws no random numbers
        torch.nn.init.constant_(layer.weight, 0.5)
        small._modules[name] = layer
    sample = torch.linspace(-60, 60, 8).view(4, 2)
    with torch.no_grad():
        inner = F.silu(small.gate_proj(sample)) * small.up_proj(sample)
        return torch.allclose(type(module).forward(small, sample), small.down_proj(inner))


def _gated(module: Any, inputs: torch.Tensor) -> torch.Tensor:
    gate, up, down = module.gate_proj(inputs), module.up_proj(inputs), module.down_proj
    adapted = type(down) is not torch.nn.Linear
    if not adapted and down.bias is None:
        result: torch.Tensor = _GatedLinear.apply(gate, up, down.weight)
        return result
    projected: torch.Tensor = down(F.silu(gate) * up)
    return projected


class _GatedLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(gate, up, weight)
        inner = torch.empty_like(gate)
        if native.fits(gate, up):
            native.run("gate_forward", gate, up, inner, gate.numel())
            return linear(inner, weight)
        for gates, ups, result in _parts(gate, up, inner):
            torch.mul(F.silu(gates), ups, out=result)
        return linear(inner, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        gate, up, weight = ctx.saved_tensors
        (outer,) = gradients
        for_product = product(outer, weight)  # becomes the gradient of `up`
        for_gate, activated = torch.empty_like(gate), torch.empty_like(gate)
        for_weight, trained = None, ctx.needs_input_grad[2]
        if native.fits(gate, up, for_product):
            native.run("gate_backward", gate, up, for_product, for_gate, activated if trained else None, gate.numel())
        else:
            for gates, ups, inner, to_gate, together in _parts(gate, up, for_product, for_gate, activated):
                active = F.silu(gates)
                if trained:
                    torch.mul(active, ups, out=together)
                torch.ops.aten.silu_backward.grad_input(inner * ups, gates, grad_input=to_gate)
                inner.mul_(active)
        if trained:
            for_weight = product(outer.flatten(0, -2).t(), activated.flatten(0, -2))
        return for_gate, for_product, for_weight


def _parts(*tensors: torch.Tensor) -> zip[tuple[torch.Tensor, ...]]:
    return zip(*(tensor.flatten(0, -2).split(ROWS) for tensor in tensors), strict=True)
