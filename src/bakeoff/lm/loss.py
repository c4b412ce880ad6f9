"""Cross-entropy of a linear layer's outputs without ever holding all of them.

With 49,152 tokens in the vocabulary, the logits of 2,048 positions are 400 MB in fp32, and their gradient as much
again. Here they are made for a few hundred positions at a time, turned into the gradient at once and forgotten: the
gradient is known in the forward pass, since it is the softmax minus one at the target (the idea of Liger-Kernel's and
PyTorch's `linear_cross_entropy`; this one keeps the weight's gradient in fp32, skips it where the layer is frozen and
runs on older versions of PyTorch).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

LOGITS_AT_ONCE = 1 << 24
"""Numbers in a chunk of logits: 64 MB in fp32."""

WEIGHT_ROWS_AT_ONCE = 1024
"""Rows of the weight's gradient that are made at once: they are added to the sum while they are in the cache."""


def summed_cross_entropy(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor
) -> torch.Tensor:
    """Sum of -log softmax(hidden @ weight.T + bias)[target] in nats; a scalar that can be differentiated once.

    Args:
        hidden: fp32 or bf16, shape (positions, hidden size).
        weight: The same dtype, shape (vocabulary, hidden size).
        bias: Shape (vocabulary,), or None.
        targets: Token ids, shape (positions,).
    """
    total: torch.Tensor = _SummedCrossEntropy.apply(hidden, weight, bias, targets)
    return total


@torch.no_grad()
def cross_entropies(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor
) -> torch.Tensor:
    """-log softmax(...)[target] of each position in nats, fp32, shape (positions,). Arguments as above."""
    losses = torch.empty(len(targets), dtype=torch.float32, device=hidden.device)
    size = _positions_at_once(weight)
    for start in range(0, len(targets), size):
        part = slice(start, start + size)
        logits = F.linear(hidden[part], weight, bias)
        losses[part] = F.cross_entropy(logits.float(), targets[part], reduction="none")
    return losses


def _positions_at_once(weight: torch.Tensor) -> int:
    return max(1, LOGITS_AT_ONCE // weight.shape[0])


class _SummedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor
    ) -> torch.Tensor:
        for_hidden, for_weight, for_bias, _ = ctx.needs_input_grad
        ctx.hidden = torch.empty_like(hidden) if for_hidden else None
        # Summed in fp32 even for bf16 weights: every chunk adds to all of it.
        ctx.weight = torch.zeros_like(weight, dtype=torch.float32) if for_weight else None
        ctx.bias = torch.zeros_like(bias, dtype=torch.float32) if for_bias and bias is not None else None
        ctx.dtype = weight.dtype
        total = torch.zeros((), dtype=torch.float64, device=hidden.device)
        size = _positions_at_once(weight)
        for start in range(0, len(targets), size):
            rows, target = hidden[start : start + size], targets[start : start + size, None]
            logits = F.linear(rows, weight, bias)
            log_probabilities = F.log_softmax(logits, dim=-1, dtype=torch.float32)
            total -= log_probabilities.gather(1, target).sum(dtype=torch.float64)
            if not (for_hidden or for_weight or for_bias):
                continue
            gradient = log_probabilities.exp_()
            gradient.scatter_add_(1, target, gradient.new_full((1, 1), -1.0).expand_as(target))
            if ctx.bias is not None:
                ctx.bias += gradient.sum(0)
            gradient = logits.copy_(gradient)  # back to the dtype of the weights, in the block that is there
            if ctx.hidden is not None:
                torch.mm(gradient, weight, out=ctx.hidden[start : start + size])
            if ctx.weight is not None:
                for part, columns in zip(
                    ctx.weight.split(WEIGHT_ROWS_AT_ONCE), gradient.split(WEIGHT_ROWS_AT_ONCE, dim=1), strict=True
                ):
                    part += torch.mm(columns.t(), rows)
        return total.float()

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        scale = outer[0]
        hidden, weight, bias = (
            None if gradient is None else gradient.mul_(scale).to(ctx.dtype)
            for gradient in (ctx.hidden, ctx.weight, ctx.bias)
        )
        ctx.hidden = ctx.weight = ctx.bias = None  # large, and of no use for a second pass
        return hidden, weight, bias, None
