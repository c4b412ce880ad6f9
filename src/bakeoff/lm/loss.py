"""Cross-entropy of a linear layer's outputs, without holding all of them in memory.

With a vocabulary of 49,152 tokens, the logits of 2,048 positions take 400 MB in fp32, and their gradient as much again.
Here they are computed for a thousand positions at a time, turned into the gradient immediately and dropped. The
gradient is known in the forward pass already: it is the softmax minus one at the target. Liger-Kernel and PyTorch's
`linear_cross_entropy` do the same; this one keeps the weight's gradient in fp32, skips it if the layer is frozen, and
runs on older versions of PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F

from bakeoff import native
from bakeoff.pretrained.kernels.linear import linear, product

CHUNK_BYTES = 100 << 20
"""Memory of a chunk of logits: a thousand positions in bf16. Larger matrix products are no faster."""

SLAB_BYTES = 4 << 20
"""Memory of the logits that are read at once where no gradient is wanted: they stay in the CPU's cache."""

SLAB_IDS = 512
"""Fewest ids whose logits are computed at once: smaller products are slower."""

SOFTMAX_ROWS = 8
"""Positions whose softmax is computed at once, in fp32: few enough to stay in the CPU's cache."""

WEIGHT_ROWS_AT_ONCE = 1024
"""Rows of the weight's gradient computed at once: they are added to the sum while they are in the CPU's cache."""


def summed_cross_entropy(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor
) -> torch.Tensor:
    """Return the sum of -log softmax(hidden @ weight.T + bias)[target] in nats, a scalar differentiable once.

    Args:
        hidden: fp32 or bf16, shape (positions, hidden size).
        weight: The same dtype, shape (vocabulary, hidden size).
        bias: Shape (vocabulary,), or None.
        targets: Token ids, shape (positions,).
    """
    if not torch.is_grad_enabled():  # the function below always computes gradients
        return cross_entropies(hidden, weight, bias, targets).sum(dtype=torch.float64).float()
    total: torch.Tensor = _SummedCrossEntropy.apply(hidden, weight, bias, targets)
    return total


@torch.no_grad()
def cross_entropies(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor
) -> torch.Tensor:
    """Return the loss of each position in nats, fp32, shape (positions,). Arguments as in `summed_cross_entropy`."""
    if native.fits(hidden, weight):
        return _losses_by_slabs(hidden, weight, bias, targets)
    losses = torch.empty(len(targets), dtype=torch.float32, device=hidden.device)
    size = _positions_at_once(weight)
    for start in range(0, len(targets), size):
        part = slice(start, start + size)
        logits = linear(hidden[part], weight, bias)
        for rows, target, loss in _softmax_parts(logits, targets[part], losses[part]):
            loss.copy_(F.cross_entropy(rows.float(), target, reduction="none"))
    return losses


def _losses_by_slabs(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor
) -> torch.Tensor:
    """Return the losses, holding the logits of a few ids at a time, which are read while they are in the cache."""
    rows = len(hidden)
    largest, sums, chosen = (hidden.new_full((rows,), value, dtype=torch.float32) for value in (-math.inf, 0, math.nan))
    ids = max(SLAB_IDS, SLAB_BYTES // (max(1, rows) * weight.element_size()))
    biases = [None] * len(weight.split(ids)) if bias is None else bias.split(ids)
    for number, (slab, offset) in enumerate(zip(weight.split(ids), biases, strict=True)):
        logits = linear(hidden, slab, offset)
        native.run("log_sum", logits, targets, largest, sums, chosen, *logits.shape, number * ids)
    return sums.log_().add_(largest).sub_(chosen)


def _positions_at_once(weight: torch.Tensor) -> int:
    return max(1, CHUNK_BYTES // (weight.shape[0] * weight.element_size()))


def _softmax_parts(*tensors: torch.Tensor) -> Iterable[tuple[torch.Tensor, ...]]:
    """Split tensors by rows: a few at a time on a CPU, all at once on a GPU."""
    size = SOFTMAX_ROWS if tensors[0].device.type == "cpu" else len(tensors[0])
    return zip(*(tensor.split(size) for tensor in tensors), strict=True)


def _turned_into_gradient(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the summed loss, fp64, and overwrite the logits with its gradient."""
    if native.fits(logits):
        losses = torch.empty(len(logits), dtype=torch.float32)
        native.run("cross_entropy", logits, targets, losses, *logits.shape)
        return losses.sum(dtype=torch.float64)
    total = torch.zeros((), dtype=torch.float64, device=logits.device)
    for part, target in _softmax_parts(logits, targets[:, None]):
        values = part.float()
        total -= values.gather(1, target).sum(dtype=torch.float64)
        largest = values.amax(1, keepdim=True)
        exponentials = values.sub_(largest).exp_()
        summed = exponentials.sum(1, keepdim=True)
        total += (largest + summed.log()).sum(dtype=torch.float64)
        gradient = exponentials.div_(summed)
        gradient.scatter_add_(1, target, gradient.new_full((1, 1), -1.0).expand_as(target))
        part.copy_(gradient)
    return total


class _SummedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor
    ) -> torch.Tensor:
        for_hidden, for_weight, for_bias, _ = ctx.needs_input_grad
        ctx.hidden = torch.empty_like(hidden) if for_hidden else None
        ctx.weight = None
        ctx.bias = torch.zeros_like(bias, dtype=torch.float32) if for_bias and bias is not None else None
        ctx.dtype = weight.dtype
        total = torch.zeros((), dtype=torch.float64, device=hidden.device)
        size = _positions_at_once(weight)
        for start in range(0, len(targets), size):
            rows = hidden[start : start + size]
            logits = linear(rows, weight, bias)
            total += _turned_into_gradient(logits, targets[start : start + size])
            if ctx.bias is not None:
                ctx.bias += logits.sum(0, dtype=torch.float32)
            if ctx.hidden is not None:
                ctx.hidden[start : start + size] = product(logits, weight)
            if for_weight and len(rows) == len(targets):
                ctx.weight = product(logits.t(), rows)
            elif for_weight:
                # Every chunk adds to the whole gradient, so it is summed in fp32 even for bf16 weights.
                if ctx.weight is None:
                    ctx.weight = torch.zeros_like(weight, dtype=torch.float32)
                slabs, columns = ctx.weight.split(WEIGHT_ROWS_AT_ONCE), logits.split(WEIGHT_ROWS_AT_ONCE, dim=1)
                for slab, part in zip(slabs, columns, strict=True):
                    slab += product(part.t(), rows)
            del logits  # before the next chunk is computed
        return total.float()

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        scale = outer[0]
        hidden, weight, bias = (
            None if gradient is None else gradient.mul_(scale).to(ctx.dtype)
            for gradient in (ctx.hidden, ctx.weight, ctx.bias)
        )
        ctx.hidden = ctx.weight = ctx.bias = None  # large, and never needed again
        return hidden, weight, bias, None
