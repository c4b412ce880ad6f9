"""Tensors of which each process holds some rows: torch's DTensors, as FSDP2 makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakeoff.training import torchrun

if TYPE_CHECKING:
    import torch


def local(tensor: torch.Tensor) -> torch.Tensor:
    """Return this process's rows of a sharded tensor, or another tensor as it is."""
    rows: torch.Tensor = tensor.to_local() if is_sharded(tensor) else tensor  # type: ignore[attr-defined]
    return rows


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """Return all rows of a sharded tensor, or another tensor as it is. Every process must call this."""
    rows: torch.Tensor = tensor.full_tensor() if is_sharded(tensor) else tensor  # type: ignore[attr-defined]
    return rows


def is_sharded(tensor: torch.Tensor) -> bool:
    """Return whether each process holds only some rows of a tensor (torch's DTensor)."""
    return hasattr(tensor, "full_tensor")


def first_row(tensor: torch.Tensor) -> int:
    """Return the number of the first row that this process holds of a tensor."""
    if not is_sharded(tensor):
        return 0
    return min(torchrun.rank() * -(-len(tensor) // torchrun.world_size()), len(tensor))
