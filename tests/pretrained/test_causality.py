"""A network is causal if later tokens change nothing beyond rounding."""

from __future__ import annotations

import pytest
import torch
import transformers

from bakeoff.pretrained.causality import is_causal

SIZES = {"vocab_size": 160, "num_hidden_layers": 2, "num_attention_heads": 4, "initializer_range": 0.3}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_experts_that_share_a_product_do_not_make_it_look_ahead(dtype: torch.dtype) -> None:
    """Another last token gives the experts other numbers of rows, which changes the last bits of all."""
    torch.manual_seed(0)
    experts = {"num_experts": 8, "num_experts_per_tok": 2, "hidden_size": 256, "intermediate_size": 40}
    model = transformers.OlmoeModel(transformers.OlmoeConfig(**SIZES, **experts, pad_token_id=0)).to(dtype)

    assert is_causal(model)


@pytest.mark.parametrize("scale", [0.3, 0.002])
def test_a_network_that_looks_ahead(scale: float) -> None:
    torch.manual_seed(0)
    sizes = SIZES | {"hidden_size": 32, "intermediate_size": 40, "initializer_range": scale}

    assert not is_causal(transformers.BertModel(transformers.BertConfig(**sizes)))
    assert is_causal(transformers.LlamaModel(transformers.LlamaConfig(**sizes)))
