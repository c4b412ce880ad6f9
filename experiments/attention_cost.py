"""Self-attention costs O(n^2 d), with one head or with h heads.

**Measured:** scaled dot-product attention written out (two matrix products with a softmax between them) on n tokens
of width d, which h heads share. PyTorch's counter counts the operations of the products, a clock the time; exponents
are slopes through the logarithms. The softmax makes h n^2 exponentials, which the counter leaves out and the clock
does not: all heads together cost O(n^2 d + n^2 h), which is O(n^2 d) because h is at most d, but need not take the
time of one head. A whole layer also projects its tokens, which costs O(n d^2): the table shows from which length n
attention costs more.

**Rule:** the statement does not hold if a counted exponent is more than 0.05 from 2 (by n), 1 (by d) or 0 (by h). It
depends if the counts agree, but the time grows faster than n^2 (an exponent above 2.2 whose interval lies above 2),
or takes more than 1.5 times as long with the most heads as with one. Otherwise it holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from experiments.shared import (
    Exponent,
    Result,
    SizeName,
    Table,
    Verdict,
    fit_exponent,
    milliseconds,
    new_figure,
    operations,
    plot_growth,
    si,
    time_in_turns,
)

HEADS = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Size:
    lengths: tuple[int, ...]
    widths: tuple[int, ...]
    rounds: int


SIZES: dict[SizeName, Size] = {
    "tiny": Size((32, 64, 128), (16, 32, 64), 1),
    "quick": Size((128, 256, 512, 1024), (64, 128, 256), 7),
    "full": Size((128, 256, 512, 1024, 2048, 4096), (64, 128, 256, 512), 9),
}


def attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, heads: int) -> torch.Tensor:
    """Return every token's mean of the values, weighted by a softmax, by head.

    Args:
        query: Shape (n, d); `key` and `value` as well.
        heads: Divides d.
    """
    queries, keys, values = (part.unflatten(1, (heads, -1)).transpose(0, 1) for part in (query, key, value))
    scores = queries @ keys.transpose(1, 2) * queries.shape[-1] ** -0.5
    result: torch.Tensor = (scores.softmax(-1) @ values).transpose(0, 1).flatten(1)
    return result


def decide(counted: dict[str, Exponent], time_by_length: Exponent, time_of_heads: float) -> tuple[Verdict, str]:
    """Apply the rule.

    Args:
        counted: Exponents of the counted operations by `n`, `d` and `h`.
        time_of_heads: Time with the most heads, divided by that with one.
    """
    said = (
        f"Counted operations grow with exponents {counted['n'].value:.2f} by n, {counted['d'].value:.2f} by d and "
        f"{counted['h'].value:.2f} by h; the time with {time_by_length} by n, and {HEADS[-1]} heads take "
        f"{time_of_heads:.2f} times the time of one."
    )
    if not all(counted[by].near(expected, 0.05) for by, expected in (("n", 2), ("d", 1), ("h", 0))):
        return "does not hold", said
    return ("depends" if time_by_length.exceeds(2) or time_of_heads > 1.5 else "holds"), said


def run(name: SizeName) -> Result:
    size = SIZES[name]
    torch.manual_seed(12)
    longest, width = size.lengths[-1], size.widths[-1]

    def task(length: int, width: int, heads: int) -> Callable[[], object]:
        query, key, value = torch.randn(3, length, width)
        return partial(attention, query, key, value, heads)

    middle = size.lengths[len(size.lengths) // 2]
    tasks = {
        "n": {length: task(length, width, HEADS[2]) for length in size.lengths},
        "d": {each: task(middle, each, HEADS[2]) for each in size.widths},
        "h": {heads: task(middle, width, heads) for heads in HEADS},
    }
    counts = {by: {each: operations(found) for each, found in group.items()} for by, group in tasks.items()}
    seconds = {by: time_in_turns(group, size.rounds) for by, group in tasks.items()}
    counted = {by: fit_exponent(list(group), list(group.values())) for by, group in counts.items()}
    timed = {by: fit_exponent(list(group), list(group.values())) for by, group in seconds.items()}
    ratio = seconds["h"][HEADS[-1]] / seconds["h"][1]
    verdict, reason = decide(counted, timed["n"], ratio)

    fixed = {
        "n": f"d = {width}, {HEADS[2]} heads",
        "d": f"n = {middle}, {HEADS[2]} heads",
        "h": f"n = {middle}, d = {width}",
    }
    rows = [
        [f"{by} = {each}", fixed[by], si(counts[by][each]), milliseconds(seconds[by][each])]
        for by, group in tasks.items()
        for each in group
    ]
    exponents = [
        [by, f"{expected}", str(counted[by]), str(timed[by])] for by, expected in (("n", 2), ("d", 1), ("h", 0))
    ]
    shares = [
        [f"{length:,}", si(4 * length**2 * width), si(8 * length * width**2), f"{length / (length + 2 * width):.0%}"]
        for length in size.lengths
    ]
    figure, axes = new_figure(2)
    plot_growth(axes[0], {"attention": (size.lengths, list(seconds["n"].values()))}, "tokens n", "seconds")
    plot_growth(axes[1], {f"n = {middle}": (HEADS, list(seconds["h"].values()))}, "heads h", "seconds")
    axes[1].set_ylim(bottom=min(seconds["h"].values()) / 3, top=max(seconds["h"].values()) * 3)
    return Result(
        verdict,
        reason,
        [
            Table("Fitted exponents", ["by", "expected", "operations", "time"], exponents),
            Table("Counts and times", ["varied", "fixed", "operations", "time (ms)"], rows),
            Table(
                f"A whole layer with d = {width}: attention against its four projections",
                ["n", "attention, 4 n^2 d", "projections, 8 n d^2", "share of attention"],
                shares,
            ),
        ],
        figure,
        f"Time of attention by tokens, up to {longest}, and by heads.",
    )
