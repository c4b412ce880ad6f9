from __future__ import annotations

import pytest
import torch

from bakeoff.training.precision import MasterWeights, cast_parameters, round_to_bf16


def image_of(values: torch.Tensor) -> torch.Tensor:
    image = torch.empty(values.shape, dtype=torch.bfloat16)
    round_to_bf16(values, image)
    return image.float()


@pytest.fixture
def values() -> torch.Tensor:
    """More than the random numbers, and of many sizes."""
    random = torch.Generator().manual_seed(3)
    return torch.randn(300, 257, generator=random) * 10 ** torch.randn(300, 1, generator=random)


def test_what_bf16_can_hold_stays_as_it_is(values):
    held = torch.cat([values.bfloat16().float().flatten(), torch.tensor([0.0, -0.0, torch.inf, -torch.inf])])

    assert torch.equal(image_of(held), held)


def test_other_numbers_become_a_neighbor_and_the_same_one_every_time(values):
    image = image_of(values)
    up = torch.nextafter(values.bfloat16(), torch.tensor(torch.inf, dtype=torch.bfloat16)).float()
    down = torch.nextafter(values.bfloat16(), torch.tensor(-torch.inf, dtype=torch.bfloat16)).float()

    assert bool(((image == values.bfloat16().float()) | (image == up) | (image == down)).all())
    assert bool(((image - values).abs() < (up - down).abs()).all())
    assert torch.equal(image_of(values), image)


@pytest.mark.parametrize("distance", [0.01, 0.25, 0.9])
@pytest.mark.parametrize("sign", [1, -1])
def test_rounding_is_right_on_average(distance, sign):
    step = 2.0**-7  # between the bf16 numbers from 1 to 2
    count = 400_000

    image = image_of(torch.full((count,), sign * (1 + distance * step)))

    share = float((image.abs() == 1 + step).float().mean())
    assert share == pytest.approx(distance, abs=4 * (distance * (1 - distance) / count) ** 0.5)


def test_updates_that_are_too_small_for_bf16_reach_the_model():
    model = torch.nn.Linear(256, 256, bias=False)
    torch.nn.init.ones_(model.weight)
    weights = MasterWeights(model, "bf16")

    with torch.no_grad():
        weights.named["weight"] += 0.001
    weights.publish()

    assert model.weight.dtype == torch.bfloat16
    assert float(model.weight.detach().float().mean()) == pytest.approx(1.001, abs=1e-4)
    assert torch.equal(torch.tensor(1.001).bfloat16(), torch.tensor(1.0).bfloat16())  # rounded to the nearest: nothing


def test_frozen_weights_are_rounded_to_the_nearest():
    model = torch.nn.Linear(64, 64)
    weight = model.weight.detach().clone()
    model.weight.requires_grad_(False)

    MasterWeights(model, "bf16")

    assert torch.equal(model.weight, weight.bfloat16())


def test_a_saved_model_is_loaded_as_it_was_trained():
    trained, loaded = torch.nn.Linear(64, 64), torch.nn.Linear(64, 64)
    weights = MasterWeights(trained, "bf16")
    with torch.no_grad():
        for master in weights.named.values():
            master += torch.randn(master.shape) / 1000
    weights.publish()

    loaded.load_state_dict(weights.state())
    cast_parameters(loaded, torch.bfloat16)

    assert torch.equal(loaded.weight, trained.weight)
    assert torch.equal(loaded.bias, trained.bias)
