"""Causal attention on a CPU in blocks of queries.

torch's own kernel reaches a third of the speed of its matrix products at these sizes, and repeats keys and values for
every query head that shares them. Here the query heads of a group are rows of one matrix product, keys to the right of
the block are left out, and the probabilities are kept for the backward pass, because storing them is cheaper than
computing them again. Texts that share a row see only themselves, without a mask over the whole row.

The method is blockwise attention (Dao et al. 2022, FlashAttention) without its running softmax, which the caches of a
CPU do not need: a block sees all its keys at once.
"""

from __future__ import annotations

from typing import Any

import torch

from bakeoff import native
from bakeoff.pretrained.kernels.blocks import Block
from bakeoff.pretrained.kernels.dropout import dropped, kept


def causal_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    blocks: list[Block],
    scaling: float,
    dropout: float = 0.0,
    rotation: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> torch.Tensor:
    """Return softmax(query @ key.T * scaling) @ value; a token sees itself and earlier tokens of its own text.

    Args:
        query: Shape (rows, heads, length, head size).
        key: Shape (rows, key-value heads, length, head size); several query heads may share one.
        value: As `key`.
        blocks: The same for every row, from `blocks_of_rows`, with masks of the query's dtype.
        dropout: Probability of dropping an attention weight.
        rotation: Cosine and sine by which queries and keys are still to be turned, shape (1, length, head size); only
            for tensors of which `native.fits` is true, transposed from (rows, length, heads, head size).

    Returns:
        Shape (rows, length, heads, head size).
    """
    result: torch.Tensor = _CausalAttention.apply(query, key, value, blocks, scaling, dropout, rotation)
    return result


class _CausalAttention(torch.autograd.Function):
    # In here queries have the shape (rows * key-value heads, length * group, size): the heads of a group, which share
    # a key, are next to each other, so a block of queries is a contiguous range of rows.

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        blocks: list[Block],
        scaling: float,
        dropout: float,
        rotation: tuple[torch.Tensor, torch.Tensor] | None,
    ) -> torch.Tensor:
        rows, key_heads, length, size = key.shape
        group = query.shape[1] // key_heads
        if rotation is None:
            queries = _grouped(query.transpose(1, 2), key_heads).mul_(scaling)
            keys = key.reshape(-1, length, size)
        else:
            halves = tuple(table[0, :, : size // 2].float().contiguous() for table in rotation)
            queries = _turned(query.transpose(1, 2), key_heads, halves, scaling)
            keys = _turned(key.transpose(1, 2), key_heads, halves, 1.0)
            ctx.halves = halves
        values = value.reshape(-1, length, size)
        output = torch.empty_like(queries)
        all_weights, all_masks, factor = [], [], 1.0
        training = any(ctx.needs_input_grad)
        for block in blocks:
            lines, columns = block.lines(group), block.columns
            scores = torch.bmm(queries[:, lines], keys[:, columns].transpose(1, 2))
            weights = used = _softmax(scores, block.mask, group)
            if dropout:
                mask, factor = kept(weights.shape, dropout)
                used = dropped(weights, mask)
                all_masks.append(mask)
            output[:, lines] = torch.bmm(used, values[:, columns])
            if training:
                all_weights.append(weights)
        if dropout:
            output.mul_(factor)
        result = _ungrouped(output, rows, length)
        if training:
            ctx.save_for_backward(queries, keys, values, result, *all_weights, *all_masks)
            ctx.blocks, ctx.scaling, ctx.rows, ctx.factor = blocks, scaling, rows, factor
            ctx.turned = rotation is not None
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        queries, keys, values, result, *saved = ctx.saved_tensors
        all_weights, all_masks = saved[: len(ctx.blocks)], saved[len(ctx.blocks) :]
        length, group = keys.shape[1], queries.shape[1] // keys.shape[1]
        key_heads = len(keys) // ctx.rows
        outer = _grouped(gradients[0], key_heads)
        mean = _grouped((gradients[0] * result).sum(-1, keepdim=True), key_heads)
        if all_masks:
            outer.mul_(ctx.factor)
        for_queries = torch.empty_like(queries)
        # Every block adds to the gradients of earlier keys and values, so they are summed in fp32 at least.
        exact = torch.promote_types(keys.dtype, torch.float32)
        for_keys, for_values = torch.zeros_like(keys, dtype=exact), torch.zeros_like(values, dtype=exact)
        for number, block in enumerate(ctx.blocks):
            lines, columns = block.lines(group), block.columns
            weights = used = all_weights[number]
            part = torch.bmm(outer[:, lines], values[:, columns].transpose(1, 2))
            if all_masks:
                part, used = dropped(part, all_masks[number]), dropped(weights, all_masks[number])
            for_values[:, columns] += torch.bmm(used.transpose(1, 2), outer[:, lines])
            for_scores = softmax_gradient(part, weights, mean[:, lines])
            for_queries[:, lines] = torch.bmm(for_scores, keys[:, columns])
            for_keys[:, columns] += torch.bmm(for_scores.transpose(1, 2), queries[:, lines])
        if ctx.turned:
            to_query = _turned_back(for_queries, ctx.rows, length, ctx.halves, ctx.scaling)
            to_key = _turned_back(for_keys.to(keys.dtype), ctx.rows, length, ctx.halves, 1.0)
        else:
            to_query = _ungrouped(for_queries.mul_(ctx.scaling), ctx.rows, length)
            to_key = for_keys.to(keys.dtype).unflatten(0, (ctx.rows, -1)).transpose(1, 2)
        for_values = for_values.to(values.dtype).unflatten(0, (ctx.rows, -1))
        return to_query.transpose(1, 2), to_key.transpose(1, 2), for_values, None, None, None, None


def _softmax(scores: torch.Tensor, mask: torch.Tensor, group: int) -> torch.Tensor:
    """Replace scores by their weights: softmax(scores + mask), the mask being that of the last keys."""
    batch, lines, columns = scores.shape
    if native.fits(scores, mask):
        native.run("softmax_forward", scores, mask, batch, lines, columns, mask.shape[-1], group)
        return scores
    by_token = scores.view(batch, -1, group, columns)
    by_token[..., -mask.shape[-1] :] += mask
    return torch.softmax(scores, -1, out=scores)


def softmax_gradient(outer: torch.Tensor, weights: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """Replace the gradient of the weights by that of the scores."""
    mean = mean.contiguous()
    if native.fits(outer, weights, mean):
        native.run("softmax_backward", outer, weights, mean, mean.numel(), outer.shape[-1])
        return outer
    return outer.sub_(mean).mul_(weights)


def _grouped(tensor: torch.Tensor, key_heads: int) -> torch.Tensor:
    """Reshape (rows, length, heads, size) to (rows * key-value heads, length * group, size), always as a copy."""
    rows, _, _, size = tensor.shape
    grouped: torch.Tensor = tensor.unflatten(2, (key_heads, -1)).transpose(1, 2)
    return grouped.clone(memory_format=torch.contiguous_format).view(rows * key_heads, -1, size)


def _turned(tensor: torch.Tensor, key_heads: int, halves: tuple[torch.Tensor, ...], scaling: float) -> torch.Tensor:
    """Turn the heads of (rows, length, heads, size), scale them, and return them as `_grouped` does."""
    rows, length, heads, size = tensor.shape
    result = tensor.new_empty(rows * key_heads, length * heads // key_heads, size)
    for row, turned in zip(tensor, result.split(key_heads), strict=True):
        _rotate(row, turned, heads, halves, scaling, back=False)
    return result


def _turned_back(
    tensor: torch.Tensor, rows: int, length: int, halves: tuple[torch.Tensor, ...], scaling: float
) -> torch.Tensor:
    """Return the gradient of what `_turned` was given, from that of what it returned."""
    key_heads = len(tensor) // rows
    heads = key_heads * tensor.shape[1] // length
    result = tensor.new_empty(rows, length, heads, tensor.shape[-1])
    for row, turned in zip(result, tensor.split(key_heads), strict=True):
        _rotate(row, turned, heads, halves, scaling, back=True)
    return result


def _rotate(
    row: torch.Tensor, turned: torch.Tensor, heads: int, halves: tuple[torch.Tensor, ...], scaling: float, *, back: bool
) -> None:
    length, half, group = len(row), row.shape[-1] // 2, heads // len(turned)
    native.run("rotate", row, *halves, turned, length, heads, half, group, row.stride(0), scaling, back)


def _ungrouped(tensor: torch.Tensor, rows: int, length: int) -> torch.Tensor:
    """Undo `_grouped`: reshape to (rows, length, heads, size), contiguous."""
    by_token: torch.Tensor = tensor.unflatten(0, (rows, -1)).unflatten(2, (length, -1)).transpose(1, 2)
    return by_token.reshape(rows, length, -1, tensor.shape[-1])
