"""Attention of Llama-type models with rotary positions (Su et al. 2021), turned on the way into the attention kernel.

transformers turns queries and keys in ten passes over memory, and twice as many backward.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from transformers.models.llama.modeling_llama import LlamaAttention
from transformers.models.mistral.modeling_mistral import MistralAttention
from transformers.models.qwen2.modeling_qwen2 import Qwen2Attention

from bakeoff import native
from bakeoff.pretrained.cache_name import CACHE_NAMES
from bakeoff.pretrained.kernels import transformers_attention
from bakeoff.pretrained.kernels.attention import causal_attention
from bakeoff.pretrained.kernels.blocks import blocks_of_rows

_KNOWN = (LlamaAttention, MistralAttention, Qwen2Attention)


def install_rotary_attention(module: Any) -> None:
    """Compute `module` with the kernels of native.c if it is one of the attention layers known here."""
    if type(module) in _KNOWN:
        module.forward = partial(_forward, module)


def _forward(
    layer: Any,
    hidden_states: torch.Tensor,
    position_embeddings: Any = None,
    attention_mask: torch.Tensor | None = None,
    *cache: Any,
    **more: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    ours = layer.config._attn_implementation == transformers_attention.NAME and more.get("is_causal", layer.is_causal)
    one_line = len(position_embeddings[0]) == 1  # the same positions for all rows
    caches = [*cache, *(more.get(name) for name in CACHE_NAMES)]
    whole_rows = attention_mask is None and all(each is None for each in caches)
    if not (ours and one_line and whole_rows and native.fits(hidden_states)):
        plain: tuple[torch.Tensor, torch.Tensor | None] = type(layer).forward(
            layer, hidden_states, position_embeddings, attention_mask, *cache, **more
        )
        return plain
    query, key, value = (
        project(hidden_states).unflatten(-1, (-1, layer.head_dim)).transpose(1, 2)
        for project in (layer.q_proj, layer.k_proj, layer.v_proj)
    )
    positions = more.get("position_ids")
    if positions is None:
        positions = torch.arange(hidden_states.shape[1])[None]
    attended = causal_attention(
        query,
        key,
        value,
        blocks=blocks_of_rows(positions, query.dtype)[0],
        scaling=layer.scaling,
        dropout=layer.attention_dropout if layer.training else 0.0,
        rotation=position_embeddings,
    )
    return layer.o_proj(attended.flatten(2)), None
