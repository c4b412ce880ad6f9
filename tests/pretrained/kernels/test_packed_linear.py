"""Packed layers compute what torch's layers do, and stay torch's where torch cannot pack."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from transformers.pytorch_utils import Conv1D

from bakeoff.pretrained.kernels.packed_linear import PackedLinear, pack_linear_layers


def network(dtype: torch.dtype = torch.float32) -> torch.nn.Sequential:
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(24, 40), torch.nn.Linear(40, 16, bias=False), Conv1D(9, 16)).to(dtype)


@pytest.mark.parametrize("shape", [(1, 1, 24), (3, 7, 24), (300, 5, 24)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
@torch.inference_mode()
def test_the_same_numbers(shape, dtype, tolerance):
    plain, packed = network(dtype), network(dtype)
    pack_linear_layers(packed)
    inputs = torch.randn(shape, dtype=dtype)

    ordered = dtype == torch.float32 or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    assert all((type(layer) is PackedLinear) == ordered for layer in packed)
    assert torch.allclose(packed(inputs), plain(inputs), atol=tolerance, rtol=tolerance)


def test_bf16_stays_where_the_processor_has_avx2_alone(monkeypatch):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    network_of_both = torch.nn.Sequential(network(torch.bfloat16)[0], network()[0])
    pack_linear_layers(network_of_both)

    assert [type(layer) for layer in network_of_both] == [torch.nn.Linear, PackedLinear]


def test_the_original_weights_are_freed():
    packed = network()
    pack_linear_layers(packed)

    assert list(packed.parameters()) == []


def test_without_onednn_nothing_changes(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    layers = network()
    pack_linear_layers(layers)

    inputs = torch.randn(2, 24)
    assert type(layers[0]) is torch.nn.Linear
    assert torch.equal(layers[0](inputs), F.linear(inputs, layers[0].weight, layers[0].bias))
