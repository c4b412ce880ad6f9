"""Attention of encoders on a CPU: every token of a text sees all others.

torch's own kernel for CPUs (FlashAttention, Dao et al. 2022) is several times slower in bf16 than the products alone,
and has no dropout: with it, torch makes the scores of a whole batch, several times over. Here the scores of a few heads
at a time go through all steps while they are in the CPU's cache. What the backward pass needs of them is kept: the
attention weights, whose sign says which were dropped. In bf16, native.c takes scores to weights, with their dropout, in
one pass, and back in another.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import bidirectional_mask_function, sdpa_mask

from bakeoff import native
from bakeoff.pretrained.kernels.attention import softmax_gradient
from bakeoff.pretrained.kernels.dropout import dropped_signs, random_bits, sign_level

NAME = "bakeoff_encoder"

_SCORES = 1 << 20
"""Scores computed at once: 2 MB in bf16."""

_LONGEST = 1024
"""Tokens in the longest text whose attention weights are kept for the backward pass."""


def encoder_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    visible: torch.Tensor | None = None,
    scaling: float,
    dropout: float = 0.0,
) -> torch.Tensor:
    """Return softmax(query @ key.T * scaling) @ value.

    Args:
        query: Shape (rows, heads, length, head size).
        key: As `query`.
        value: As `query`.
        visible: True for the keys that the queries of a row see, at least one of each row; shape (rows, 1, 1, length).
        dropout: Probability of dropping an attention weight; rounded to 1/32,768.

    Returns:
        Shape (rows, length, heads, head size).
    """
    result: torch.Tensor = _EncoderAttention.apply(query, key, value, visible, scaling, dropout)
    return result


class _EncoderAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        visible: torch.Tensor | None,
        scaling: float,
        dropout: float,
    ) -> torch.Tensor:
        rows, heads, length, size = query.shape
        queries, keys, values = (part.reshape(-1, length, size) for part in (query * scaling, key, value))
        hidden = None
        if visible is not None:
            hidden = torch.zeros_like(visible, dtype=query.dtype).masked_fill_(~visible, -torch.inf)
            hidden = hidden.expand(rows, heads, 1, length).reshape(-1, 1, length)
        output, all_weights = torch.empty_like(queries), []
        training = any(ctx.needs_input_grad)
        level, factor = sign_level(dropout)
        parts = _parts(len(queries), length)
        random = random_bits([len(queries[part]) * length**2 for part in parts] if dropout else [])
        for part in parts:
            scores = torch.bmm(queries[part], keys[part].transpose(1, 2))
            bits = next(random).view(scores.shape) if dropout else None
            weights, used = _weights(scores, None if hidden is None else hidden[part], bits, level)
            torch.bmm(used, values[part], out=output[part])
            if training:
                all_weights.append(weights)
        if dropout:
            output.mul_(factor)
        result = output.view(rows, heads, length, size).transpose(1, 2).contiguous()
        if training:
            ctx.save_for_backward(queries, keys, values, result, *all_weights)
            ctx.shape, ctx.scaling, ctx.dropout, ctx.factor = query.shape, scaling, dropout, factor
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        queries, keys, values, result, *all_weights = ctx.saved_tensors
        _, length, size = queries.shape
        # A softmax needs the mean gradient of its weights, which is that of the output, with and without dropout.
        mean = (gradients[0] * result).sum(-1).transpose(1, 2).reshape(-1, length, 1)
        outer = gradients[0].transpose(1, 2).reshape(-1, length, size)
        if ctx.dropout:
            outer = outer * ctx.factor
        for_queries, for_keys, for_values = (torch.empty_like(each) for each in (queries, keys, values))
        for part, weights in zip(_parts(len(queries), length), all_weights, strict=True):
            for_weights = torch.bmm(outer[part], values[part].transpose(1, 2))
            for_scores, used = _scores_gradient(for_weights, weights, mean[part], dropout=ctx.dropout > 0)
            torch.bmm(used.transpose(1, 2), outer[part], out=for_values[part])
            torch.bmm(for_scores, keys[part], out=for_queries[part])
            torch.bmm(for_scores.transpose(1, 2), queries[part], out=for_keys[part])
        for_queries.mul_(ctx.scaling)
        return *(each.view(ctx.shape) for each in (for_queries, for_keys, for_values)), None, None, None


def _weights(
    scores: torch.Tensor, hidden: torch.Tensor | None, bits: torch.Tensor | None, level: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Replace scores by their weights, with a minus sign on those that are dropped; return also those that are used.

    Args:
        scores: Shape (heads, length, length).
        hidden: -inf for keys that are not seen, otherwise 0; shape (heads, 1, length).
        bits: Random, in the shape of scores, for dropout.
        level: From `sign_level`.
    """
    used = scores if bits is None else torch.empty_like(scores)
    if native.fits(scores):
        kept = None if bits is None else used
        native.run("attention_weights", scores, hidden, bits, kept, *scores.shape[:2], level)
        return scores, used
    if hidden is not None:
        scores += hidden
    weights = torch.softmax(scores, -1, out=scores)
    if bits is not None:
        dropped_signs(weights, bits, level)
        torch.clamp_min(weights, 0, out=used)
    return weights, used


def _scores_gradient(
    outer: torch.Tensor, weights: torch.Tensor, mean: torch.Tensor, *, dropout: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Replace the gradient of the weights by that of the scores; return also the weights that were used.

    Args:
        outer: Shape (heads, length, length).
        weights: From `_weights`.
        mean: The weights' mean gradient; shape (heads, length, 1).
    """
    if not dropout:
        return softmax_gradient(outer, weights, mean), weights
    used = torch.empty_like(weights)
    if native.fits(outer, weights, mean):
        native.run("attention_scores", outer, weights, mean, used, mean.numel(), outer.shape[-1])
        return outer, used
    torch.clamp_min(weights, 0, out=used)
    return outer.mul_(used).sub_(weights.abs().mul_(mean)), used


def _parts(heads: int, length: int) -> list[slice]:
    step = max(1, _SCORES // length**2)
    return [slice(start, start + step) for start in range(0, heads, step)]


def attention_forward(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Compute attention, by torch's own kernel where that is faster, or where not every token sees the same others."""
    causal = kwargs.get("is_causal", getattr(module, "is_causal", True))
    one_line = attention_mask is None or (attention_mask.dtype == torch.bool and attention_mask.shape[1:3] == (1, 1))
    plain = one_line and kwargs.get("position_bias") is None
    faster = query.dtype == torch.bfloat16 or dropout > 0
    same_shape = query.shape == key.shape == value.shape
    if causal or not plain or not faster or not same_shape or query.shape[2] > _LONGEST:
        attended, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **kwargs
        )
        return attended, None
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    return encoder_attention(query, key, value, visible=attention_mask, scaling=scaling, dropout=dropout), None


def attention_mask(**asked: Any) -> torch.Tensor | None:
    """Make a mask; one with a single line for all queries where they see the same keys."""
    padding, length = asked.get("attention_mask"), asked["kv_length"]
    same = asked["mask_function"] is bidirectional_mask_function and not asked.get("use_vmap")
    if same and asked.get("local_size") is None and asked["q_length"] == length:
        if padding is None:
            return None
        if padding.shape[-1] == length:
            one_line: torch.Tensor = padding.bool()[:, None, None]
            return one_line
    mask: torch.Tensor | None = sdpa_mask(**asked)
    return mask


AttentionInterface.register(NAME, attention_forward)
AttentionMaskInterface.register(NAME, attention_mask)
