"""Register `causal_attention` with transformers, whose models find it by name."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from bakeoff.pretrained.kernels.attention import causal_attention
from bakeoff.pretrained.kernels.blocks import blocks_of_rows

NAME = "bakeoff_causal"


def attention_forward(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    position_ids: torch.Tensor | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Compute attention, by torch's own kernel unless it is plain causal attention over whole rows."""
    causal = kwargs.get("is_causal", getattr(module, "is_causal", True))
    plain = attention_mask is None and kwargs.get("position_bias") is None
    same_sizes = query.shape[2] == key.shape[2] and key.shape == value.shape  # values may have another head size
    if not causal or not plain or not same_sizes:
        attended, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **kwargs
        )
        return attended, None
    if position_ids is None:
        position_ids = torch.arange(query.shape[2])[None]
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    by_row = blocks_of_rows(position_ids, query.dtype)
    if len(by_row) == 1:
        return causal_attention(query, key, value, blocks=by_row[0], scaling=scaling, dropout=dropout), None
    parts = zip(query.split(1), key.split(1), value.split(1), by_row, strict=True)
    rows = [causal_attention(q, k, v, blocks=blocks, scaling=scaling, dropout=dropout) for q, k, v, blocks in parts]
    return torch.cat(rows), None


def attention_mask(
    *,
    q_length: int,
    kv_length: int,
    attention_mask: torch.Tensor | None = None,
    local_size: int | None = None,
    use_vmap: bool = False,
    **kwargs: Any,
) -> torch.Tensor | None:
    """Make a mask, or return None if `attention_forward` needs none because it finds texts by their positions."""
    if attention_mask is None and local_size is None and q_length == kv_length and not use_vmap:
        return None
    mask: torch.Tensor | None = sdpa_mask(
        q_length=q_length,
        kv_length=kv_length,
        attention_mask=attention_mask,
        local_size=local_size,
        use_vmap=use_vmap,
        **kwargs,
    )
    return mask


AttentionInterface.register(NAME, attention_forward)
AttentionMaskInterface.register(NAME, attention_mask)
