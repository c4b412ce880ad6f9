"""What the experiments share: results, times, counted operations, fitted exponents, paired intervals, figures."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from scipy import stats
from torch.utils.flop_counter import FlopCounterMode

from bakeoff.evaluation.intervals import crossed_interval, paired_bootstrap_ratio

Verdict = Literal["holds", "depends", "does not hold"]
SizeName = Literal["tiny", "quick", "full"]
"""How much is computed: for a test, in some seconds, or for figures to publish."""

CONFIDENCE = 0.95
COLORS = ("#3b6fd4", "#d9822b", "#2a9d6f", "#b04ac0", "#c0392b", "#7a7a7a")
Key = TypeVar("Key")


@dataclass(frozen=True)
class Table:
    """A table of the page, its cells written out."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Result:
    """What an experiment found: the verdict by its own rule, the numbers that it rests on, and a figure."""

    verdict: Verdict
    reason: str  # the numbers that decided, as a sentence or two
    tables: Sequence[Table]
    figure: Figure
    description: str  # of the figure, for those who cannot see it


def time_in_turns(tasks: Mapping[Key, Callable[[], Any]], rounds: int) -> dict[Key, float]:
    """Return the median seconds of each task.

    Every task runs once unmeasured and then once a round, in reverse order every other round, so that a drift of the
    machine affects all of them.
    """
    seconds: dict[Key, list[float]] = {name: [] for name in tasks}
    for task in tasks.values():
        task()
    for number in range(rounds):
        for name, task in list(tasks.items())[:: -1 if number % 2 else 1]:
            started = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(measured) for name, measured in seconds.items()}


def operations(task: Callable[[], object]) -> int:
    """Count the multiplications and additions of a task's matrix products."""
    kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu  # unknown to PyTorch's counter
    with FlopCounterMode(display=False, custom_mapping={kernel: _of_kernel}) as counter:
        task()
    return int(counter.get_total_flops())


def _of_kernel(query: torch.Size, key: torch.Size, value: torch.Size, *rest: Any, **more: Any) -> int:
    rows, heads, length, size = query
    return 2 * rows * heads * length * key[2] * (size + value[3])


@dataclass(frozen=True)
class Exponent:
    """The slope of a line through the logarithms: b in `value = a * size ** b`, with its 95% interval."""

    value: float
    low: float
    high: float

    def near(self, expected: float, tolerance: float) -> bool:
        return abs(self.value - expected) <= tolerance

    def exceeds(self, expected: float) -> bool:
        """Return True for times that grow faster: by 0.2 at least, and by an interval above the expected exponent."""
        return self.value > expected + 0.2 and self.low > expected

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def fit_exponent(sizes: Sequence[float], values: Sequence[float]) -> Exponent:
    """Fit `value = a * size ** b` by least squares on the logarithms; the interval is Student's t of the residuals.

    Args:
        sizes: At least three, not all equal; one value each.

    Raises:
        ValueError: there are fewer than three sizes, or a number is not positive.
    """
    if len(sizes) < 3 or min(*sizes, *values) <= 0:
        raise ValueError("an exponent needs at least three positive sizes with positive values")
    line = stats.linregress(np.log(sizes), np.log(values))
    deviation = np.nan_to_num(line.stderr)  # not a number where all values are equal
    half = float(stats.t.isf((1 - CONFIDENCE) / 2, len(sizes) - 2) * deviation)
    return Exponent(float(line.slope), float(line.slope) - half, float(line.slope) + half)


@dataclass(frozen=True)
class Gap:
    """A paired difference of two contestants per unit of weight, a minus b, with its 95% interval."""

    value: float
    low: float
    high: float

    @property
    def above(self) -> bool:
        return self.low > 0

    @property
    def below(self) -> bool:
        return self.high < 0

    def __str__(self) -> str:
        return f"{self.value:+.4f} ({self.low:+.4f} to {self.high:+.4f})"


def paired_gap(a: npt.ArrayLike, b: npt.ArrayLike, weights: npt.ArrayLike) -> Gap:
    """Compare two contestants on the same units.

    With two seeds or more, seeds and units both count as sampled; with one, the interval covers the units alone.

    Args:
        a: Summed values by seed and unit, shape (seeds, units).
        b: As `a`, with the same seeds and units.
        weights: What the sums are divided by, shape (units,): tokens or bytes, or ones.
    """
    ours, theirs = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    below = np.asarray(weights, dtype=np.float64)
    value = float((ours - theirs).sum(axis=1).mean() / below.sum())
    if len(ours) > 1:
        interval = crossed_interval(ours - theirs, below, confidence=CONFIDENCE)
    else:
        found = paired_bootstrap_ratio(ours[0], theirs[0], below, confidence=CONFIDENCE, resamples=2000, seed=12)
        interval = None if found is None else found[0]
    if interval is None:
        raise ValueError("a paired interval needs at least two units with weight")
    return Gap(value, *interval)


def si(value: float) -> str:
    """Write a count or a number of bytes in four digits at most: 12.3 M."""
    for factor, letter in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= factor:
            return f"{value / factor:.3g}{letter}"
    return f"{value:.3g}"


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3g}"


def new_figure(panels: int = 1) -> tuple[Figure, list[Any]]:
    """Return a small figure on white paper, which dark pages show as well, and its axes side by side."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.7 * panels + 0.5, 2.9), layout="constrained")
        return figure, [figure.add_subplot(1, panels, place + 1) for place in range(panels)]


def plot_growth(axes: Any, lines: Mapping[str, tuple[Sequence[float], Sequence[float]]], x: str, y: str) -> None:
    """Draw sizes against values on logarithmic axes, one line each."""
    for color, (name, (sizes, values)) in zip(COLORS, lines.items(), strict=False):
        axes.loglog(sizes, values, "o-", color=color, markersize=4, linewidth=1.5, label=name)
    ticks = sorted({size for sizes, _ in lines.values() for size in sizes})
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.legend(frameon=False, fontsize=7)


def plot_gaps(axes: Any, gaps: Mapping[str, Gap], x: str) -> None:
    """Draw paired differences with their intervals, one line each, and where there is no difference."""
    axes.axvline(0, color=COLORS[-1], linewidth=1)
    for row, gap in enumerate(gaps.values()):
        axes.plot([gap.low, gap.high], [row, row], color=COLORS[0], linewidth=2.4)
        axes.plot([gap.value], [row], "o", color=COLORS[0], markersize=5)
    axes.set_yticks(range(len(gaps)), list(gaps))
    axes.set_ylim(len(gaps) - 0.5, -0.5)
    axes.set_xlabel(x)


STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "experiments",  # the same numbers give the same file
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "figure.facecolor": "white",
}
