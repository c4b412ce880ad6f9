"""The products of short attention are attention, and whatever is not short or plain goes to torch's kernel."""

from __future__ import annotations

import pytest
import torch
import transformers

from bakeoff.pretrained.kernels import short_attention
from bakeoff.pretrained.kernels.short_attention import install_short_attention


def bert() -> transformers.BertModel:
    torch.manual_seed(1)
    sizes = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    return transformers.BertModel(transformers.BertConfig(**sizes, intermediate_size=48)).eval()


@pytest.fixture
def calls(monkeypatch) -> list[int]:
    """Lengths of the texts that went to torch's kernel."""
    lengths: list[int] = []
    original = short_attention.sdpa_attention_forward

    def counted(module, query, *arguments, **settings):
        lengths.append(query.shape[2])
        return original(module, query, *arguments, **settings)

    monkeypatch.setattr(short_attention, "sdpa_attention_forward", counted)
    return lengths


@pytest.mark.parametrize(("length", "padded", "own"), [(1, 0, True), (20, 0, True), (150, 0, False), (20, 3, False)])
@torch.inference_mode()
def test_the_same_states(calls, length, padded, own):
    plain, fast = bert(), bert()
    install_short_attention(fast)
    ids = torch.randint(0, 50, (3, length))
    mask = torch.ones_like(ids)
    mask[0, length - padded :] = 0
    settings = {"attention_mask": mask} if padded else {}

    states = fast(ids, **settings)[0]

    assert torch.allclose(states[1:], plain(ids, **settings)[0][1:], atol=1e-5)
    assert calls == ([] if own else [length, length])
