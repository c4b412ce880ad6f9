"""Attention of encoders equals torch's own, and whatever is not plain or not faster goes to torch's kernel."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import transformers

from bakeoff.pretrained.kernels import encoder_attention as kernel
from bakeoff.pretrained.kernels.encoder_attention import encoder_attention
from bakeoff.pretrained.kernels.install import install_kernels


def heads(length: int = 20, dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(3, 4, length, 6, dtype=dtype).requires_grad_() for _ in range(3)]


def visible(*lengths: int, longest: int = 20) -> torch.Tensor:
    return torch.arange(longest)[None, None, None] < torch.tensor(lengths)[:, None, None, None]


def reference(inputs: list[torch.Tensor], mask: torch.Tensor | None) -> torch.Tensor:
    return F.scaled_dot_product_attention(*inputs, attn_mask=mask, scale=0.4).transpose(1, 2)


def with_gradients(output: torch.Tensor, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view(output.shape)
    return [output, *torch.autograd.grad((output * weights).sum(), inputs)]


@pytest.mark.parametrize("mask", [None, visible(20, 1, 13)], ids=["whole rows", "padding"])
@pytest.mark.parametrize("at_once", [1, 900, 1 << 20], ids=["a head at a time", "two heads", "all"])
def test_the_same_values_and_gradients(monkeypatch, mask, at_once):
    monkeypatch.setattr(kernel, "_SCORES", at_once)
    inputs = heads()
    ours = with_gradients(encoder_attention(*inputs, visible=mask, scaling=0.4), inputs)
    for one, other in zip(ours, with_gradients(reference(inputs, mask), inputs), strict=True):
        torch.testing.assert_close(one, other)


def test_bf16_is_as_near_to_the_exact_result_as_torchs_own_bf16():
    exact = heads(300)
    rounded = [tensor.detach().bfloat16().requires_grad_() for tensor in exact]
    truth = with_gradients(reference(exact, None), exact)
    ours = with_gradients(encoder_attention(*rounded, scaling=0.4), rounded)
    theirs = with_gradients(reference(rounded, None), rounded)
    for right, one, other in zip(truth, ours, theirs, strict=True):
        assert (one.double() - right).norm() < 1.5 * (other.double() - right).norm() + 1e-3 * right.norm()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_dropout_keeps_the_mean(dtype):
    inputs = heads(dtype=dtype)
    with torch.no_grad():
        draws = torch.stack([encoder_attention(*inputs, scaling=0.4, dropout=0.3) for _ in range(600)]).double()
        expected = encoder_attention(*inputs, scaling=0.4).double()
    assert not torch.allclose(draws[0], expected, atol=0.01)
    torch.testing.assert_close(draws.mean(0), expected, rtol=0, atol=0.12 if dtype == torch.bfloat16 else 0.1)


def test_gradients_with_dropout_are_those_of_finite_differences():
    inputs = [tensor[:1, :2, :5].detach().requires_grad_() for tensor in heads()]

    def attend(*values: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(3)  # the same elements are dropped each time
        return encoder_attention(*values, visible=visible(4, longest=5), scaling=0.4, dropout=0.4)

    assert torch.autograd.gradcheck(attend, inputs)


def bert(**settings: object) -> transformers.BertModel:
    torch.manual_seed(1)
    sizes = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    return transformers.BertModel(transformers.BertConfig(**sizes, intermediate_size=48, **settings)).eval()


@pytest.fixture
def calls(monkeypatch) -> list[int]:
    """Lengths of the texts that went to torch's kernel."""
    lengths: list[int] = []
    original = kernel.sdpa_attention_forward

    def counted(module, query, *arguments, **settings):
        lengths.append(query.shape[2])
        return original(module, query, *arguments, **settings)

    monkeypatch.setattr(kernel, "sdpa_attention_forward", counted)
    return lengths


CASES = {
    "whole rows": (20, 0, torch.bfloat16, True),
    "one token": (1, 0, torch.bfloat16, True),
    "padding": (20, 3, torch.bfloat16, True),
    "too long to keep": (70, 3, torch.bfloat16, False),
    "fp32 without dropout": (20, 3, torch.float32, False),
}


@pytest.mark.parametrize(("length", "padded", "dtype", "own"), CASES.values(), ids=CASES.keys())
@torch.inference_mode()
def test_an_encoder_computes_the_same(calls, monkeypatch, length, padded, dtype, own):
    monkeypatch.setattr(kernel, "_LONGEST", 64)
    plain, fast = bert().to(dtype), bert().to(dtype)
    install_kernels(fast, causal=False)
    ids, mask = torch.randint(0, 50, (3, length)), torch.ones(3, length, dtype=torch.long)
    mask[0, length - padded :] = 0
    settings = {"attention_mask": mask} if padded else {}
    seen = mask.bool()

    states, expected = fast(ids, **settings)[0][seen], plain(ids, **settings)[0][seen]

    torch.testing.assert_close(states, expected, rtol=0, atol=0.05 if dtype == torch.bfloat16 else 1e-5)
    assert calls == ([] if own else [length, length])


@torch.inference_mode()
def test_a_decoder_of_an_encoders_kind_still_looks_only_back(calls):
    settings = {"is_decoder": True, "use_cache": False}
    plain, fast = bert(**settings).bfloat16(), bert(**settings).bfloat16()
    fast.set_attn_implementation(kernel.NAME)
    ids = torch.randint(0, 50, (3, 20))
    assert torch.equal(fast(ids)[0], plain(ids)[0])
    assert calls == [20, 20]
