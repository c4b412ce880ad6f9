"""Attention of a frozen encoder over short texts in bf16, as two plain matrix products.

Over texts of a sentence or two, torch's own kernel for CPUs (FlashAttention, Dao et al. 2022) is 2.5 times slower in
bf16 than the products alone, and all scores of a batch fit into the caches.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from bakeoff.pretrained.kernels.transformers_attention import attention_mask

_NAME = "bakeoff_short"

_SHORT = 128
"""Tokens in the longest text that is short."""


def install_short_attention(model: Any) -> None:
    """Use the products where a frozen encoder on the CPU reads short texts without padding."""
    if model.device.type == "cpu" and model.config._attn_implementation == "sdpa":
        model.set_attn_implementation(_NAME)


def _forward(
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
    """Compute attention, by torch's own kernel unless every token sees all others of a short text."""
    same_shape = query.shape == key.shape == value.shape and query.shape[2] <= _SHORT
    if attention_mask is not None or not same_shape or getattr(module, "is_causal", True):
        attended, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **kwargs
        )
        return attended, None
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    queries, keys, values = (part.flatten(0, 1) for part in (query * scaling, key, value))
    weights = torch.bmm(queries, keys.transpose(1, 2)).softmax(-1)
    return torch.bmm(weights, values).unflatten(0, query.shape[:2]).transpose(1, 2), None


AttentionInterface.register(_NAME, _forward)
AttentionMaskInterface.register(_NAME, attention_mask)
