"""The chunked loss equals the plain one, in value and gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.lm import loss


def inputs(positions: int, vocabulary: int, dtype: torch.dtype, seed: int = 0):
    random = torch.Generator().manual_seed(seed)
    hidden = torch.randn(positions, 8, generator=random).to(dtype).requires_grad_()
    weight = torch.randn(vocabulary, 8, generator=random).to(dtype).requires_grad_()
    bias = torch.randn(vocabulary, generator=random).to(dtype).requires_grad_()
    return hidden, weight, bias, torch.randint(vocabulary, (positions,), generator=random)


@settings(max_examples=30, deadline=None)
@given(
    positions=st.integers(1, 40),
    vocabulary=st.integers(2, 30),
    at_once=st.integers(1, 500),
    scale=st.floats(0.01, 3),
    seed=st.integers(0, 1000),
)
def test_value_and_gradients_equal_the_plain_loss(positions, vocabulary, at_once, scale, seed):
    hidden, weight, bias, targets = inputs(positions, vocabulary, torch.float32, seed)
    plain = F.cross_entropy(F.linear(hidden, weight, bias), targets, reduction="sum")
    expected = torch.autograd.grad(plain * scale, (hidden, weight, bias))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loss, "CHUNK_BYTES", 4 * at_once)
        patch.setattr(loss, "SOFTMAX_ROWS", 3)
        patch.setattr(loss, "WEIGHT_ROWS_AT_ONCE", 7)
        total = loss.summed_cross_entropy(hidden, weight, bias, targets)
        losses = loss.cross_entropies(hidden, weight, bias, targets)
    gradients = torch.autograd.grad(total * scale, (hidden, weight, bias))

    torch.testing.assert_close(total, plain, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(losses.sum(), plain.detach(), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(gradients, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("chunks", [1, 16])
def test_chunks_do_not_make_the_bf16_gradient_of_the_weight_less_exact(monkeypatch, chunks):
    hidden, weight, _, targets = inputs(256, 50, torch.bfloat16)
    exact = [tensor.detach().float().requires_grad_() for tensor in (hidden, weight)]
    plain = F.cross_entropy(F.linear(*exact), targets, reduction="sum")
    expected = torch.autograd.grad(plain, exact[1])[0]

    monkeypatch.setattr(loss, "CHUNK_BYTES", 2 * 50 * 256 // chunks)
    total = loss.summed_cross_entropy(hidden, weight, None, targets)
    gradient = torch.autograd.grad(total, weight)[0]

    assert gradient.dtype == torch.bfloat16
    assert float((gradient.float() - expected).norm() / expected.norm()) < 0.004
    assert float(total.detach()) == pytest.approx(float(plain.detach()), rel=1e-3)


def test_a_frozen_weight_gets_no_gradient_and_no_memory_for_one(monkeypatch):
    hidden, weight, _, targets = inputs(5, 10, torch.float32)
    weight.requires_grad_(False)
    allocated = []
    monkeypatch.setattr(torch, "zeros_like", lambda *_, **__: allocated.append(1))

    loss.summed_cross_entropy(hidden, weight, None, targets).backward()

    assert hidden.grad is not None
    assert weight.grad is None
    assert allocated == []
