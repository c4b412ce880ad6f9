"""Cheap random numbers are random, and repeatable by the state of torch's generator."""

from __future__ import annotations

import pytest
import torch

from bakeoff.pretrained.kernels.dropout import Dropout, dropped, kept


@pytest.mark.parametrize("probability", [0.0, 0.1, 0.5, 0.9])
def test_the_dropped_share_is_the_probability(probability):
    torch.manual_seed(0)
    mask, factor = kept(torch.Size([1000, 301]), probability)
    assert float(1 - mask.float().mean()) == pytest.approx(probability, abs=0.004)
    assert factor == pytest.approx(1 / (1 - probability), rel=1e-3)


def test_the_same_seed_draws_the_same_and_the_next_draw_differs():
    draws = []
    for _ in range(2):
        torch.manual_seed(5)
        draws.append([kept(torch.Size([64]), 0.5)[0] for _ in range(2)])
    assert torch.equal(draws[0][0], draws[1][0])
    assert not torch.equal(draws[0][0], draws[0][1])


def test_the_state_of_torchs_generator_is_enough_to_resume():
    torch.manual_seed(6)
    kept(torch.Size([8]), 0.5)
    state = torch.get_rng_state()
    expected = kept(torch.Size([100]), 0.5)[0]
    torch.set_rng_state(state)
    assert torch.equal(kept(torch.Size([100]), 0.5)[0], expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_kept_elements_are_unchanged(dtype):
    values = torch.randn(7, 9).to(dtype)
    mask, _ = kept(values.shape, 0.4)
    for layout in (values, values.t().contiguous().t()):
        assert torch.equal(dropped(layout, mask), torch.where(mask.bool(), values, 0))


def test_the_module_drops_alike_forward_and_backward_and_only_in_training():
    module = Dropout(0.25)
    values = torch.ones(400, requires_grad=True)
    output = module(values)
    output.sum().backward()
    assert torch.equal(values.grad, output)
    assert sorted(set(output.tolist())) == pytest.approx([0, 4 / 3])
    assert module.eval()(values) is values
