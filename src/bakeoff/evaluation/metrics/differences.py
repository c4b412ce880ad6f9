"""How paired differences of a metric read in tables and sentences."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from bakeoff.evaluation.wording import number, plus, signed
from bakeoff.runs.results import Comparison


@dataclass(frozen=True)
class Lead:
    """A lead and its interval, counted so that a lead is positive, the smaller end first."""

    lead: str  # `1.0 points higher`
    low: str
    high: str
    most: str  # the larger end with its unit: `2.1 points lower`, as it reads of the other contestant


class Difference(ABC):
    """The scale of a difference."""

    @abstractmethod
    def title(self, metric: str) -> str:
        """Return the heading of the column of differences. `metric`: its title."""

    @abstractmethod
    def change(self, value: float) -> str:
        """Return a difference with its sign: `+1.0`."""

    @abstractmethod
    def lead(self, comparison: Comparison) -> Lead:
        """Return the lead of the better contestant in words."""


class Points(Difference):
    """Differences of a share, in percentage points."""

    def title(self, metric: str) -> str:
        return f"Points of {metric}"

    def change(self, value: float) -> str:
        return plus(100 * value)

    def lead(self, comparison: Comparison) -> Lead:
        points = [100 * value for value in (comparison.difference, comparison.low, comparison.high)]
        ends = signed(points[1]), signed(points[2])
        return Lead(f"{signed(points[0])} points higher", *ends, f"{ends[1]} points lower")


class LogRatio(Difference):
    """Differences of losses in nats per token: logarithms of a ratio of perplexities, shown in percent."""

    def title(self, metric: str) -> str:
        return metric[0].upper() + metric[1:]

    def change(self, value: float) -> str:
        return f"{plus(100 * math.expm1(value))}%"

    def lead(self, comparison: Comparison) -> Lead:
        lower = [100 * (1 - math.exp(value)) for value in (comparison.difference, comparison.high, comparison.low)]
        more = signed(100 * math.expm1(-comparison.low))
        return Lead(f"{signed(lower[0])}% lower", f"{signed(lower[1])}%", f"{signed(lower[2])}%", f"{more}% higher")


@dataclass(frozen=True)
class Amount(Difference):
    """Differences in the unit of the metric itself, such as a cost."""

    higher_is_better: bool

    def title(self, metric: str) -> str:
        return metric[0].upper() + metric[1:]

    def change(self, value: float) -> str:
        return ("+" if value > 0 else "") + _amount(value)

    def lead(self, comparison: Comparison) -> Lead:
        lead, *ends = (comparison.difference, comparison.low, comparison.high)
        if not self.higher_is_better:
            lead, ends = -lead, [-comparison.high, -comparison.low]
        ahead, behind = ("higher", "lower") if self.higher_is_better else ("lower", "higher")
        low, high = map(_amount, ends)
        return Lead(f"{_amount(lead)} {ahead}", low, high, f"{high} {behind}")


def _amount(value: float) -> str:
    return number(value).replace("-", "−")
