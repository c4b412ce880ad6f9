"""Dropout with cheap random numbers.

On a CPU, torch draws them one by one, 7 nanoseconds each: a tenth of a training step of LoRA with dropout. Here torch's
generator draws only a seed, so that its state in a checkpoint is still enough to resume, and numpy's SFC64 draws 16
bits per element from that seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bakeoff import native

_LEVELS = 1 << 16
_SIGNED_LEVELS = _LEVELS // 2


def dropped_signs(weights: torch.Tensor, bits: torch.Tensor, level: int) -> None:
    """Give a minus sign to the elements that are dropped, in place.

    Args:
        weights: Not negative, on the CPU.
        bits: From `random_bits`, in the shape of `weights`.
        level: From `sign_level`.
    """
    integer = {2: torch.int16, 4: torch.int32, 8: torch.int64}[weights.element_size()]
    below = bits.bitwise_and(_SIGNED_LEVELS - 1).sub_(level)  # negative, and its sign is all that is kept of it
    weights.view(integer).bitwise_or_(below.to(integer).bitwise_and_(torch.iinfo(integer).min))


def sign_level(probability: float) -> tuple[int, float]:
    """Return how many of 32,768 elements are dropped, and the factor for those kept, so that the mean stays the same.

    Args:
        probability: Of dropping an element, 0 to 1 (exclusive).
    """
    level = round(probability * _SIGNED_LEVELS)
    return level, _SIGNED_LEVELS / (_SIGNED_LEVELS - level)


def kept(shape: torch.Size, probability: float) -> tuple[torch.Tensor, float]:
    """Draw the elements to keep.

    Args:
        probability: Of dropping an element, 0 to 1 (exclusive); rounded to 1/65,536.

    Returns:
        A mask of 0 or 1, int8, of the given shape on the CPU, and the factor by which to multiply the elements that are
        kept, so that the mean stays the same.
    """
    level = round(probability * _LEVELS)
    (bits,) = random_bits([shape.numel()])
    kept_bits = bits.numpy().view(np.uint16) >= level
    return torch.from_numpy(kept_bits.view(np.int8)).view(shape), _LEVELS / (_LEVELS - level)


def random_bits(counts: Sequence[int]) -> Iterator[torch.Tensor]:
    """Draw 16 random bits per element, int16, for so many elements after each other.

    Each has a generator of its own, so that the threads of native.c can draw for as many at once.
    """
    seeds = [int(torch.randint(2**62, ())) for _ in counts]
    at_once = torch.get_num_threads() if native.available() else 1
    for first in range(0, len(counts), at_once):
        now = counts[first : first + at_once]
        for bits, count in zip(_drawn(seeds[first : first + at_once], -(-max(now) // 4)), now, strict=True):
            yield torch.from_numpy(bits.view(np.int16)[:count])


def _drawn(seeds: Sequence[int], words: int) -> Iterable[npt.NDArray[np.uint64]]:
    """Draw so many words from a generator for each seed."""
    generators = [np.random.SFC64(seed) for seed in seeds]
    if not native.available():
        return [generator.random_raw(words) for generator in generators]
    states = np.stack([generator.state["state"]["state"] for generator in generators])
    drawn = np.empty((len(seeds), words), np.uint64)
    native.run("random_bits", torch.from_numpy(states), torch.from_numpy(drawn), *drawn.shape)
    return drawn


def dropped(values: torch.Tensor, mask: torch.Tensor, factor: float = 1.0) -> torch.Tensor:
    """Return `values` with 0 where the mask is 0, and the others multiplied by the factor."""
    if native.fits(values):
        result = torch.empty_like(values)
        native.run("drop", values, mask, result, values.numel(), factor)
        return result
    if values.dtype == torch.bfloat16 and values.is_contiguous():  # ten times faster than multiplying
        result = (values.view(torch.int16) & mask.to(torch.int16).neg_()).view(torch.bfloat16)
    else:
        result = values * mask
    return result if factor == 1.0 else result.mul_(factor)


class Dropout(torch.nn.Dropout):
    """A drop-in replacement for nn.Dropout (Srivastava et al. 2014) on the CPU."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p == 0:
            return input
        result: torch.Tensor = _Dropout.apply(input, *kept(input.shape, self.p))
        return result


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, mask: torch.Tensor, factor: float) -> torch.Tensor:
        ctx.save_for_backward(mask)
        ctx.factor = factor
        return dropped(values, mask, factor)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (mask,) = ctx.saved_tensors
        return dropped(gradients[0], mask, ctx.factor), None, None
