"""Matrices are kept in the smallest form that has all their values."""

from __future__ import annotations

import pytest
import torch
from gguf import GGMLQuantizationType, dequantize, quantize

from bakeoff.lm.decoding.packing import PackedMatrix, pack, pack_rounded

SHAPE = (40, 96)  # two groups of 16 rows and a half; three blocks of columns


def random(seed: int = 0) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def from_gguf(kind: GGMLQuantizationType, weight: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(dequantize(quantize(weight.numpy(), kind), kind))


def unpacked(packed: PackedMatrix) -> torch.Tensor:
    """Return the matrix by the layout that native_decoder.c documents."""
    groups, blocks = -(-packed.rows // 16), packed.columns // 32
    scales = 1 if packed.scales is None else packed.scales.float()
    match packed.kind:
        case "fp32":
            values = packed.data.reshape(groups, blocks, 32, 16)
        case "bf16":
            values = (
                packed.data.float().reshape(groups, blocks, 16, 16, 2).transpose(3, 4).reshape(groups, blocks, 32, 16)
            )
        case "int8":
            digits = packed.data.float().reshape(groups, blocks, 8, 16, 4).transpose(3, 4)
            values = digits.reshape(groups, blocks, 32, 16) * scales[:, :, None]
        case "int4":
            nibbles = torch.stack([packed.data & 15, packed.data >> 4], -1).float()
            digits = nibbles.reshape(groups, blocks, 4, 16, 8).transpose(3, 4).reshape(groups, blocks, 32, 16)
            values = digits * scales[:, :, :1] + scales[:, :, 1:]
    return values.permute(0, 3, 1, 2).reshape(groups * 16, packed.columns)[: packed.rows]


@pytest.mark.parametrize(
    ("weight", "kind", "bits"),
    [
        (random(), "fp32", 32),
        (random().bfloat16().float(), "bf16", 16),
        (from_gguf(GGMLQuantizationType.Q8_0, random()), "int8", 8.5),
        (from_gguf(GGMLQuantizationType.Q4_1, random()), "int4", 5),
        (from_gguf(GGMLQuantizationType.Q4_0, random()), "int4", 5),
        (from_gguf(GGMLQuantizationType.Q5_1, random()), "fp32", 32),
        (torch.zeros(SHAPE), "int4", 5),
    ],
)
def test_nothing_is_lost(weight, kind, bits):
    packed = pack(weight)

    assert packed.kind == kind
    assert torch.equal(unpacked(packed)[:, : SHAPE[1]], weight)
    assert packed.bytes == 48 * 96 * bits / 8


@pytest.mark.parametrize("shape", [(1, 1), (16, 32), (17, 33), (5000, 31)])
@pytest.mark.parametrize("transposed", [False, True])
def test_any_shape(shape, transposed):
    weight = torch.randn(shape[::-1]).T if transposed else torch.randn(shape)
    packed = pack(weight)

    assert torch.equal(unpacked(packed)[:, : shape[1]], weight)
    assert not unpacked(packed)[:, shape[1] :].any()


@pytest.mark.parametrize("row", [0, 39])
def test_one_value_off_the_grid_is_not_rounded(row):
    weight = from_gguf(GGMLQuantizationType.Q4_1, random())
    weight[row, 7] = torch.pi

    assert torch.equal(unpacked(pack(weight)), weight)


def test_the_draft_is_rounded_to_a_hundredth_of_the_largest_value():
    weight = random()

    packed = pack_rounded(weight)

    assert packed.kind == "int8"
    assert (unpacked(packed) - weight).abs().max() < weight.abs().max() / 200
