"""Projecting N + M tokens to Q, K and V costs O((N + M) d^2).

**Measured:** the three linear projections of N + M tokens of width d: PyTorch's counter counts the operations, a
clock the time. N and M are also divided differently at the same sum, which must not change the count. Where the N
tokens give only queries and the M tokens only keys and values, as between a decoder and its encoder, the cost is (N +
2 M) d^2, which is of the same order.

**Rule:** the statement holds if the counted exponents are within 0.05 of 1 (by N + M) and 2 (by d), the count does
not change with the division, and no exponent of the time is larger by more than 0.2 with an interval above the
expected one. It depends if the counts agree and the time does not. Otherwise it does not hold.
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


@dataclass(frozen=True)
class Size:
    tokens: tuple[int, ...]  # N + M
    widths: tuple[int, ...]
    rounds: int


SIZES: dict[SizeName, Size] = {
    "tiny": Size((32, 64, 128), (16, 32, 64), 1),
    "quick": Size((256, 512, 1024, 2048), (128, 256, 512, 1024), 5),
    "full": Size((256, 512, 1024, 2048, 4096), (128, 256, 512, 1024), 9),
}


def project(first: torch.Tensor, second: torch.Tensor, weights: torch.Tensor) -> list[torch.Tensor]:
    """Return the queries, keys and values of two texts.

    Args:
        first: Shape (N, d).
        second: Shape (M, d).
        weights: Shape (3, d, d).
    """
    return [text @ weight for weight in weights for text in (first, second)]


def decide(
    counted: dict[str, Exponent], timed: dict[str, Exponent], counts_by_division: list[int]
) -> tuple[Verdict, str]:
    """Apply the rule; the exponents are by `tokens` and `d`."""
    said = (
        f"Counted operations grow with exponents {counted['tokens'].value:.2f} by N + M and {counted['d'].value:.2f} "
        f"by d, the time with {timed['tokens']} and {timed['d']}."
    )
    expected = {"tokens": 1, "d": 2}
    same = len(set(counts_by_division)) == 1
    if not same or not all(counted[by].near(value, 0.05) for by, value in expected.items()):
        return "does not hold", said
    within = all(not timed[by].exceeds(value) for by, value in expected.items())
    return ("holds" if within else "depends"), said


def run(name: SizeName) -> Result:
    size = SIZES[name]
    torch.manual_seed(12)

    def task(n: int, m: int, width: int) -> Callable[[], object]:
        return partial(project, torch.randn(n, width), torch.randn(m, width), torch.randn(3, width, width))

    most, widest = size.tokens[-1], size.widths[-1]
    middle, width = size.tokens[len(size.tokens) // 2], size.widths[len(size.widths) // 2]
    tasks = {
        "tokens": {total: task(total // 2, total - total // 2, width) for total in size.tokens},
        "d": {each: task(middle // 2, middle - middle // 2, each) for each in size.widths},
    }
    divisions = {n: task(n, most - n, width) for n in (1, most // 4, most // 2, most - 1)}
    counts = {by: {each: operations(found) for each, found in group.items()} for by, group in tasks.items()}
    divided = {n: operations(found) for n, found in divisions.items()}
    seconds = {by: time_in_turns(group, size.rounds) for by, group in tasks.items()}
    counted = {by: fit_exponent(list(group), list(group.values())) for by, group in counts.items()}
    timed = {by: fit_exponent(list(group), list(group.values())) for by, group in seconds.items()}
    verdict, reason = decide(counted, timed, list(divided.values()))

    titles = {"tokens": "N + M", "d": "d"}
    fixed = {"tokens": f"d = {width}", "d": f"N + M = {middle}"}
    rows = [
        [f"{titles[by]} = {each}", fixed[by], si(counts[by][each]), milliseconds(seconds[by][each])]
        for by, group in tasks.items()
        for each in group
    ]
    rows += [[f"N = {n}, M = {most - n}", f"d = {width}", si(count), ""] for n, count in divided.items()]
    figure, axes = new_figure(2)
    plot_growth(axes[0], {fixed["tokens"]: (size.tokens, list(seconds["tokens"].values()))}, "tokens N + M", "seconds")
    plot_growth(axes[1], {fixed["d"]: (size.widths, list(seconds["d"].values()))}, "width d", "seconds")
    return Result(
        verdict,
        reason,
        [
            Table(
                "Fitted exponents",
                ["by", "expected", "operations", "time"],
                [[titles[by], value, str(counted[by]), str(timed[by])] for by, value in (("tokens", "1"), ("d", "2"))],
            ),
            Table("Counts and times", ["varied", "fixed", "operations", "time (ms)"], rows),
        ],
        figure,
        f"Time of the projections by tokens, up to {most}, and by width, up to {widest}.",
    )
