"""FlashAttention is exact and saves memory traffic.

**Measured:** causal attention on the same numbers: written out (all n^2 scores in memory), by PyTorch's
FlashAttention kernel (on a GPU where there is one), by the kernel with which bakeoff trains on CPUs (blocks of
queries, which keep their weights for the backward pass), and the first two once more in bfloat16. *Exact* means: as
far from the same computation in 64 bits, in values and gradients, as the plain way in the same precision. *Traffic*
is the bytes that PyTorch's operations read and write in a forward and a backward pass; what happens inside a kernel
is not counted, as it is meant to stay in the cache. *Memory* is what the forward pass keeps for the backward pass.

**Rule:** the statement holds if FlashAttention's errors in fp32 and bf16 are at most twice those of the plain way in
the same precision, its traffic and memory grow by n with exponents of at most 1.3, and those of the plain way with at
least 1.7. It depends if it is exact but saves only one of the two. Otherwise it does not hold. Time decides nothing:
the statement does not speak of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bakeoff.pretrained.kernels.attention import causal_attention
from bakeoff.pretrained.kernels.blocks import blocks_of_rows
from experiments.shared import (
    Exponent,
    Result,
    SizeName,
    Table,
    Verdict,
    fit_exponent,
    milliseconds,
    new_figure,
    plot_growth,
    si,
    time_in_turns,
)

HEADS, HEAD_SIZE = 4, 32


@dataclass(frozen=True)
class Size:
    lengths: tuple[int, ...]
    rounds: int


SIZES: dict[SizeName, Size] = {
    "tiny": Size((128, 192, 256), 1),
    "quick": Size((256, 512, 1024), 3),
    "full": Size((256, 512, 1024, 2048), 5),
}


def plain(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Compute causal attention with all scores in memory; shapes (1, heads, n, head size)."""
    n = query.shape[2]
    hidden = torch.ones(n, n, dtype=torch.bool, device=query.device).triu_(1)
    scores = (query @ key.transpose(2, 3) * query.shape[-1] ** -0.5).masked_fill(hidden, -torch.inf)
    result: torch.Tensor = scores.softmax(-1) @ value
    return result


def flash(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Compute causal attention by PyTorch's FlashAttention kernel, and by no other."""
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        return F.scaled_dot_product_attention(query, key, value, is_causal=True)


def blockwise(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Compute causal attention by bakeoff's kernel for training on CPUs."""
    blocks = blocks_of_rows(torch.arange(query.shape[2])[None], query.dtype)[0]
    return causal_attention(query, key, value, blocks=blocks, scaling=query.shape[-1] ** -0.5).transpose(1, 2)


Attention = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
WAYS: dict[str, tuple[Attention, torch.dtype]] = {
    "plain": (plain, torch.float32),
    "flash": (flash, torch.float32),
    "bakeoff's blocks": (blockwise, torch.float32),
    "plain, bf16": (plain, torch.bfloat16),
    "flash, bf16": (flash, torch.bfloat16),
}


class Traffic(TorchDispatchMode):
    """Count the bytes that operations read and write; views move nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, out)) if isinstance(leaf, torch.Tensor)]
            self.moved += sum(tensor.nbytes for tensor in tensors)
        return out


def forward_backward(attention: Attention, inputs: list[torch.Tensor], outer: torch.Tensor) -> list[torch.Tensor]:
    """Return the values and the gradients for queries, keys and values."""
    leaves = [part.detach().requires_grad_() for part in inputs]
    values = attention(*leaves)
    return [values.detach(), *torch.autograd.grad(values, leaves, outer)]


def saved_bytes(attention: Attention, inputs: list[torch.Tensor]) -> int:
    """Return the bytes that a forward pass keeps for the backward pass."""
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = attention(*(part.detach().requires_grad_() for part in inputs))
        del result
    return sum(kept.values())


@dataclass(frozen=True)
class WayFindings:
    """What was found for one way, by length."""

    error: float  # largest, relative to the largest exact value, over values and gradients
    traffic: list[int]
    saved: list[int]
    seconds: list[float]


def decide(errors: dict[str, float], traffic: dict[str, Exponent], saved: dict[str, Exponent]) -> tuple[Verdict, str]:
    """Apply the rule; the keys are those of `WAYS`."""
    said = (
        f"FlashAttention's largest error is {errors['flash']:.1e} (plain: {errors['plain']:.1e}), in bf16 "
        f"{errors['flash, bf16']:.1e} ({errors['plain, bf16']:.1e}). By n, its traffic grows with exponent "
        f"{traffic['flash'].value:.2f} (plain: {traffic['plain'].value:.2f}), its memory with "
        f"{saved['flash'].value:.2f} ({saved['plain'].value:.2f})."
    )
    exact = all(errors[f"flash{kind}"] <= 2 * errors[f"plain{kind}"] for kind in ("", ", bf16"))
    saves = [growth["flash"].value <= 1.3 and growth["plain"].value >= 1.7 for growth in (traffic, saved)]
    if not exact or not any(saves):
        return "does not hold", said
    return ("holds" if all(saves) else "depends"), said


def measure(lengths: tuple[int, ...], rounds: int, device: str) -> dict[str, WayFindings]:
    """Run every way at every length."""
    found = {name: WayFindings(0.0, [], [], []) for name in WAYS if device == "cpu" or WAYS[name][0] is not blockwise}
    for length in lengths:
        query, key, value, outer = torch.randn(4, 1, HEADS, length, HEAD_SIZE, device=device).bfloat16()
        exact = forward_backward(plain, [part.double() for part in (query, key, value)], outer.double())
        tasks = {}
        for name in found:
            attention, dtype = WAYS[name]
            inputs = [part.to(dtype) for part in (query, key, value)]
            task = partial(forward_backward, attention, inputs, outer.to(dtype))
            with Traffic() as counter:
                results = task()
            error = max(
                float((ours.double() - right).abs().max() / right.abs().max())
                for ours, right in zip(results, exact, strict=True)
            )
            one = found[name]
            one.traffic.append(counter.moved)
            one.saved.append(saved_bytes(attention, inputs))
            found[name] = replace(one, error=max(one.error, error))
            tasks[name] = task if device == "cpu" else partial(_finished, task)
        for name, seconds in time_in_turns(tasks, rounds).items():
            found[name].seconds.append(seconds)
    return found


def _finished(task: Callable[[], Any]) -> None:
    task()
    torch.cuda.synchronize()


def run(name: SizeName) -> Result:
    size = SIZES[name]
    torch.manual_seed(12)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = measure(size.lengths, size.rounds, device)
    traffic = {way: fit_exponent(size.lengths, one.traffic) for way, one in found.items()}
    saved = {way: fit_exponent(size.lengths, one.saved) for way, one in found.items()}
    verdict, reason = decide({way: one.error for way, one in found.items()}, traffic, saved)
    longest = size.lengths[-1]
    rows = [
        [
            way,
            f"{one.error:.1e}",
            f"{si(one.traffic[-1])}B",
            str(traffic[way]),
            f"{si(one.saved[-1])}B",
            str(saved[way]),
            milliseconds(one.seconds[-1]),
            str(fit_exponent(size.lengths, one.seconds)),
        ]
        for way, one in found.items()
    ]
    header = ["way", "largest error", "traffic", "exponent", "memory", "exponent", "ms", "exponent"]
    figure, axes = new_figure(2)
    plot_growth(axes[0], {way: (size.lengths, one.traffic) for way, one in found.items()}, "tokens n", "bytes moved")
    plot_growth(axes[1], {way: (size.lengths, one.seconds) for way, one in found.items()}, "tokens n", "seconds")
    return Result(
        verdict,
        reason,
        [Table(f"Forward and backward pass, {device}, {longest:,} tokens, {HEADS} heads of {HEAD_SIZE}", header, rows)],
        figure,
        f"Bytes moved and time by tokens, up to {longest}, of five ways to compute attention.",
    )
