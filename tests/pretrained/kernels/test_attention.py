"""Blockwise attention equals torch's own attention, text by text."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.pretrained.kernels.attention import causal_attention
from bakeoff.pretrained.kernels.blocks import BLOCK, blocks_of_rows

LENGTHS = st.lists(st.integers(1, 2 * BLOCK + 3), min_size=1, max_size=5)


def heads(rows: int, count: int, length: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(rows, count, length, 6, dtype=dtype).requires_grad_()


def reference(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float) -> torch.Tensor:
    group = query.shape[1] // key.shape[1]
    key, value = (tensor.repeat_interleave(group, dim=1) for tensor in (key, value))
    return F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling).transpose(1, 2)


def with_gradients(output: torch.Tensor, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view(output.shape)
    return [output, *torch.autograd.grad((output * weights).sum(), inputs)]


@settings(max_examples=25, deadline=None)
@given(lengths=LENGTHS, rows=st.integers(1, 3), key_heads=st.sampled_from([1, 2]), group=st.sampled_from([1, 3]))
def test_texts_that_share_a_row_do_not_see_each_other(lengths, rows, key_heads, group):
    torch.manual_seed(0)
    positions = torch.cat([torch.arange(length) for length in lengths])
    inputs = [heads(rows, count, len(positions)) for count in (key_heads * group, key_heads, key_heads)]

    blocks = blocks_of_rows(positions[None], torch.float64)[0]
    ours = with_gradients(causal_attention(*inputs, blocks=blocks, scaling=0.4), inputs)

    texts = zip(*(tensor.split(lengths, dim=2) for tensor in inputs), strict=True)
    alone = torch.cat([reference(*text, 0.4) for text in texts], dim=1)
    for one, other in zip(ours, with_gradients(alone, inputs), strict=True):
        torch.testing.assert_close(one, other)


@settings(max_examples=25, deadline=None)
@given(beginning=st.integers(1, BLOCK + 3), lengths=LENGTHS, group=st.sampled_from([1, 3]))
def test_texts_that_start_at_a_later_position_see_the_beginning_of_their_row(beginning, lengths, group):
    torch.manual_seed(0)
    positions = torch.cat([torch.arange(beginning), *(beginning + torch.arange(length) for length in lengths)])
    inputs = [heads(1, count, len(positions)) for count in (group, 1, 1)]

    blocks = blocks_of_rows(positions[None], torch.float64)[0]
    ours = with_gradients(causal_attention(*inputs, blocks=blocks, scaling=0.4), inputs)

    pieces = [tensor.split([beginning, *lengths], dim=2) for tensor in inputs]
    texts = [[torch.cat([piece[0], piece[number]], 2) for piece in pieces] for number in range(1, len(lengths) + 1)]
    alone = [reference(*text, 0.4) for text in texts]
    expected = torch.cat([alone[0][:, :beginning], *(attended[:, beginning:] for attended in alone)], 1)
    for one, other in zip(ours, with_gradients(expected, inputs), strict=True):
        torch.testing.assert_close(one, other)


def test_bf16_is_as_near_to_the_exact_result_as_torchs_own_bf16():
    torch.manual_seed(1)
    exact = [heads(2, count, 300) for count in (6, 2, 2)]
    rounded = [tensor.detach().bfloat16().requires_grad_() for tensor in exact]
    blocks = blocks_of_rows(torch.arange(300)[None], torch.bfloat16)[0]

    truth = with_gradients(reference(*exact, 0.4), exact)
    ours = with_gradients(causal_attention(*rounded, blocks=blocks, scaling=0.4), rounded)
    theirs = with_gradients(reference(*rounded, 0.4), rounded)

    for right, one, other in zip(truth, ours, theirs, strict=True):
        assert (one.double() - right).norm() < 1.5 * (other.double() - right).norm() + 1e-3 * right.norm()


def test_with_dropout_the_gradient_is_that_of_the_kept_weights():
    inputs = [heads(1, count, 70) for count in (4, 2, 2)]
    blocks = blocks_of_rows(torch.arange(70)[None], torch.float64)[0]

    def attend(*values: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(3)
        return causal_attention(*values, blocks=blocks, scaling=0.4, dropout=0.2)

    assert torch.autograd.gradcheck(attend, inputs, fast_mode=True)
    assert not torch.allclose(attend(*inputs), causal_attention(*inputs, blocks=blocks, scaling=0.4))


def test_dropout_keeps_the_mean():
    torch.manual_seed(4)
    inputs = [heads(1, 2, 40) for _ in range(3)]
    blocks = blocks_of_rows(torch.arange(40)[None], torch.float64)[0]
    with torch.no_grad():
        draws = [causal_attention(*inputs, blocks=blocks, scaling=0.4, dropout=0.3) for _ in range(600)]
        expected = causal_attention(*inputs, blocks=blocks, scaling=0.4)
    assert (torch.stack(draws).mean(0) - expected).norm() / expected.norm() < 0.06


@pytest.mark.parametrize("length", [1, BLOCK, BLOCK + 1])
def test_blocks_hold_no_key_to_the_right(length):
    for block in blocks_of_rows(torch.arange(length)[None], torch.float32)[0]:
        assert block.first_key == 0
        assert block.end - block.start <= BLOCK
        assert block.first_masked == block.start
