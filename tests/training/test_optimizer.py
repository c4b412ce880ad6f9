from __future__ import annotations

import torch

from bakeoff.training.optimizer import allocate_averages


def two_steps(*, allocated: bool) -> tuple[torch.Tensor, dict]:
    weight = torch.nn.Parameter(torch.linspace(-1, 1, 6).view(2, 3))
    optimizer = torch.optim.AdamW([weight], lr=0.1, weight_decay=0.01, fused=True)
    for _ in range(2):
        if allocated:
            allocate_averages(optimizer)
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    return weight.detach(), optimizer.state[weight]


def test_averages_made_early_are_those_that_the_first_step_would_make():
    weight, state = two_steps(allocated=True)
    expected_weight, expected_state = two_steps(allocated=False)

    assert torch.equal(weight, expected_weight)
    assert state.keys() == expected_state.keys()
    for name, values in expected_state.items():
        assert torch.equal(state[name], values), name
        assert (state[name].dtype, state[name].device) == (values.dtype, values.device), name
