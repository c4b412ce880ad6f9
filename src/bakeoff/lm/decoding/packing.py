"""Keep a matrix in the smallest form that has all its values, as native_decoder.c reads it.

Weights that were quantized once (a GGUF file's, loaded as fp32) still lie on the grids of their blocks, so a few bits
and the grid give them back exactly. Others may be bf16 numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

Kind = Literal["fp32", "bf16", "int8", "int4"]
KINDS: tuple[Kind, ...] = ("fp32", "bf16", "int8", "int4")  # in the order of the enum in native_decoder.c

LANES = 16  # rows side by side
BLOCK = 32  # columns that share a scale
SLAB = 1 << 16  # values that are packed at a time, so that intermediate results stay in the CPU's cache

Packed = tuple[torch.Tensor, ...]  # of some rows: data, and scales if the kind has them


@dataclass(frozen=True)
class PackedMatrix:
    """A matrix of shape (rows, columns); its columns are padded to whole blocks, its rows to 16."""

    kind: Kind
    rows: int
    columns: int  # with padding
    data: torch.Tensor
    scales: torch.Tensor | None  # fp16

    @property
    def bytes(self) -> int:
        """The memory that a product reads."""
        return sum(tensor.nbytes for tensor in (self.data, self.scales) if tensor is not None)


def pack(weight: torch.Tensor) -> PackedMatrix:
    """Pack an fp32 matrix without loss in the smallest form possible."""
    forms: tuple[tuple[Kind, Callable[[torch.Tensor], Packed | None]], ...] = (
        ("int4", _q4_1),
        ("int4", _q4_0),
        ("int8", _q8_0),
        ("bf16", _bf16),
    )
    for kind, pack_rows in forms:
        if pack_rows(_blocks(weight[:LANES])) is not None and (packed := _packed(weight, kind, pack_rows)) is not None:
            return packed
    packed = _packed(weight, "fp32", _fp32)
    assert packed is not None
    return packed


def pack_rounded(weight: torch.Tensor) -> PackedMatrix:
    """Round an fp32 matrix to 8 bits, with a scale for every 32 weights of a row."""
    packed = _packed(weight, "int8", _rounded)
    assert packed is not None
    return packed


def _packed(
    weight: torch.Tensor, kind: Kind, pack_rows: Callable[[torch.Tensor], Packed | None]
) -> PackedMatrix | None:
    """Return the packed matrix, or None if some of its values would be lost."""
    height = max(1, SLAB // weight.shape[1] // LANES) * LANES
    slabs: list[Packed] = []
    for rows in weight.split(height):
        packed = pack_rows(_blocks(rows))
        if packed is None:
            return None
        slabs.append(packed)
    data, *scales = (torch.cat(parts) for parts in zip(*slabs, strict=True))
    columns = -(-weight.shape[1] // BLOCK) * BLOCK
    return PackedMatrix(kind, len(weight), columns, data, scales[0] if scales else None)


def _blocks(rows: torch.Tensor) -> torch.Tensor:
    """Return the blocks of rows, padded with zeros, shape (rows / 16, 16, blocks, 32)."""
    height, width = rows.shape
    padded = torch.nn.functional.pad(rows, (0, -width % BLOCK, 0, -height % LANES))
    return padded.reshape(-1, LANES, padded.shape[1] // BLOCK, BLOCK)


def _fp32(blocks: torch.Tensor) -> Packed:
    return (blocks.permute(0, 2, 3, 1).contiguous(),)


def _bf16(blocks: torch.Tensor) -> Packed | None:
    narrow = blocks.bfloat16()
    if not torch.equal(narrow.float(), blocks):
        return None
    return (narrow.unflatten(3, (-1, 2)).permute(0, 2, 3, 1, 4).contiguous(),)


def _q8_0(blocks: torch.Tensor) -> Packed | None:
    scale, whole = _eighths(blocks)
    return _as_int8(scale, whole) if torch.equal(whole * scale, blocks) else None


def _rounded(blocks: torch.Tensor) -> Packed:
    return _as_int8(*_eighths(blocks))


def _eighths(blocks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the scale of each block, as GGUF's Q8_0 has it, and the whole numbers, both fp32."""
    scale = (blocks.abs().amax(3, keepdim=True) / 127).half().float()
    return scale, (blocks / _divisor(scale)).round_().clamp_(-127, 127)


def _as_int8(scale: torch.Tensor, whole: torch.Tensor) -> Packed:
    quads = whole.to(torch.int8).unflatten(3, (-1, 4)).permute(0, 2, 3, 1, 4)
    return quads.contiguous(), _by_block(scale)


def _q4_1(blocks: torch.Tensor) -> Packed | None:
    """Pack blocks as GGUF's Q4_1 has them: the least value, and up to 15 steps more."""
    least, most = torch.aminmax(blocks, dim=3, keepdim=True)
    scale = ((most - least) / 15).half().float()
    return _as_int4(blocks, scale, least)


def _q4_0(blocks: torch.Tensor) -> Packed | None:
    """Pack blocks as GGUF's Q4_0 has them: the largest value, of either sign, is 8 steps from 0."""
    extreme = blocks.gather(3, blocks.abs().argmax(3, keepdim=True))
    return _as_int4(blocks, (extreme / -8).half().float(), extreme)


def _as_int4(blocks: torch.Tensor, scale: torch.Tensor, first: torch.Tensor) -> Packed | None:
    whole = ((blocks - first) / _divisor(scale)).round_().clamp_(0, 15)
    if not torch.equal(first.half().float(), first) or not torch.equal(whole * scale + first, blocks):
        return None
    digits = whole.to(torch.uint8).unflatten(3, (4, 4, 2))
    data = (digits[..., 0] | digits[..., 1] << 4).permute(0, 2, 3, 1, 4).contiguous()
    return data, torch.stack([_by_block(scale), _by_block(first)], 2)


def _by_block(scale: torch.Tensor) -> torch.Tensor:
    return scale[..., 0].transpose(1, 2).half().contiguous()


def _divisor(scale: torch.Tensor) -> torch.Tensor:
    return torch.where(scale == 0, 1.0, scale)
