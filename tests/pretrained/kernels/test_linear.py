"""Linear layers by oneDNN are those of torch, with the same gradients."""

from __future__ import annotations

import copy

import pytest
import torch
from transformers.pytorch_utils import Conv1D

from bakeoff.pretrained.kernels import linear
from bakeoff.pretrained.kernels.linear import add_product, available, install_linear, product

pytestmark = pytest.mark.skipif(not available(), reason="torch was built without oneDNN")

LAYERS = {
    "linear": lambda: torch.nn.Linear(12, 7),
    "without bias": lambda: torch.nn.Linear(12, 7, bias=False),
    "transposed": lambda: Conv1D(7, 12),
}


@pytest.fixture(autouse=True)
def one_dnn_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "is_faster", lambda: True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layer", LAYERS)
def test_layer_and_its_gradients(layer: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    plain = LAYERS[layer]().to(dtype)
    ours = copy.deepcopy(plain)
    install_linear(ours)
    found = []
    for module in (plain, ours):
        inputs = torch.randn(3, 5, 12, generator=torch.Generator().manual_seed(1)).to(dtype).requires_grad_()
        outputs = module(inputs)
        outputs.square().sum().backward()
        found.append([outputs, inputs.grad, *(weight.grad for weight in module.parameters())])
    torch.testing.assert_close(found[1], found[0])
    assert "forward" in vars(ours)


def test_frozen_layer_gets_no_gradient_and_passes_it_on() -> None:
    layer = torch.nn.Linear(4, 3).requires_grad_(False)
    install_linear(layer)
    inputs = torch.randn(2, 4, requires_grad=True)
    layer(inputs).sum().backward()
    assert layer.weight.grad is None
    assert layer.bias.grad is None
    torch.testing.assert_close(inputs.grad, layer.weight.sum(0).expand(2, 4))


@pytest.mark.parametrize("rows", [0, 1, 6])
def test_products_of_any_strides(rows: int) -> None:
    left, right = torch.randn(10, rows).t(), torch.randn(10, 20)[:, ::2]
    torch.testing.assert_close(product(left, right), left @ right)
    torch.testing.assert_close(add_product(torch.ones(rows, 10), left, right), 1 + left @ right)


def test_where_it_is_not_faster_layers_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "is_faster", lambda: False)
    layer = torch.nn.Linear(3, 2)
    install_linear(layer)
    assert "forward" not in vars(layer)


@pytest.mark.parametrize(("capability", "expected"), [("AVX2", False), ("AVX512", True), ("DEFAULT", True)])
def test_it_is_not_faster_with_avx2_alone(monkeypatch: pytest.MonkeyPatch, capability: str, expected: bool) -> None:
    monkeypatch.undo()
    linear.is_faster.cache_clear()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert linear.is_faster() is expected
    linear.is_faster.cache_clear()


def test_other_layers_are_left_alone() -> None:
    class Other(torch.nn.Linear):
        pass

    other = Other(3, 2)
    install_linear(other)
    assert "forward" not in vars(other)
