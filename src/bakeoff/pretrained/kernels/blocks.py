"""Find the keys that a block of queries sees, for causal attention over texts that may share a row."""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass

import torch

BLOCK = 128
"""Queries in a block. Scores above the diagonal are computed only in the blocks on it."""


@dataclass(frozen=True)
class Block:
    """Queries `start` to `end` and the keys that they may see: the first `shared`, and `first_key` to `end`."""

    start: int
    end: int
    first_key: int
    first_masked: int  # keys before this one are visible to all queries of the block
    mask: torch.Tensor  # 0 or -inf, shape (queries, 1, keys from first_masked to end)
    shared: int = 0

    @property
    def columns(self) -> slice | torch.Tensor:
        own = slice(self.first_key, self.end)
        return torch.cat([torch.arange(self.shared), torch.arange(own.start, own.stop)]) if self.shared else own

    def lines(self, group: int) -> slice:
        """Return the rows of the queries when each is followed by those of the other heads in its group."""
        return slice(self.start * group, self.end * group)


_last: dict[torch.dtype, tuple[weakref.ref[torch.Tensor], list[list[Block]]]] = {}


def blocks_of_rows(position_ids: torch.Tensor, dtype: torch.dtype) -> list[list[Block]]:
    """Return the blocks of each row of a batch.

    Args:
        position_ids: Position of each token in its text, int64, shape (rows, length); a new text starts wherever a
            position does not follow the one before. One that starts at position n has the first n tokens of the row as
            its beginning. A single row applies to all rows of a batch.
        dtype: Of the masks.
    """
    known = _last.get(dtype)
    if known is not None and known[0]() is position_ids:  # every layer asks for the same batch
        return known[1]
    blocks = [_blocks_of_row(positions, dtype) for positions in position_ids]
    _last[dtype] = weakref.ref(position_ids), blocks
    return blocks


def _blocks_of_row(positions: torch.Tensor, dtype: torch.dtype) -> list[Block]:
    length = len(positions)
    begins = torch.zeros(length, dtype=torch.bool)
    begins[1:] = positions[1:] != positions[:-1] + 1
    first_keys = torch.where(begins, torch.arange(length), 0).cummax(0).values
    shared = positions[first_keys].minimum(first_keys)
    return [_block(start, min(start + BLOCK, length), first_keys, shared, dtype) for start in range(0, length, BLOCK)]


def _block(start: int, end: int, first_keys: torch.Tensor, shared: torch.Tensor, dtype: torch.dtype) -> Block:
    first_keys, shared = first_keys[start:end, None], shared[start:end, None]
    alike = bool((shared == shared[0]).all())
    first_key = int(first_keys[0]) if alike else 0
    first_masked = start if int(first_keys[-1]) == first_key else first_key
    queries, keys = torch.arange(start, end)[:, None], torch.arange(first_masked, end)
    hidden = (keys > queries) | ((keys < first_keys) & (keys >= shared))
    mask = torch.zeros(hidden.shape, dtype=dtype).masked_fill_(hidden, -math.inf)
    return Block(start, end, first_key, first_masked, mask[:, None], int(shared[0]) if alike else 0)
