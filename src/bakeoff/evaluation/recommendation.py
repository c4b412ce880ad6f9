"""Recommend the cheapest contestant that is not told apart from the best."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.runs.results import Comparison, ContestantResult

RULE = (
    "Of the best and those not told apart from it, the one whose answers cost the least money, then the one that took "
    "the least time for everything (training and predicting); the best itself unless another saves a fifth."
)

RULE_BY_MONEY = (
    "Of the best and those not told apart from it, the one whose answers cost the least money; the best itself unless "
    "another saves a fifth. Times do not count, because the runs used different machines or versions."
)

_SAVES = 0.8  # at most this share of the best one's cost


def recommend(
    best: ContestantResult,
    others: Sequence[ContestantResult],
    comparisons: Sequence[Comparison],
    *,
    same_machine: bool = True,
) -> ContestantResult:
    """Return the contestant that `RULE` names, or `RULE_BY_MONEY` where times cannot be compared.

    Money is what the answers of an endpoint cost; a contestant that asks one whose prices are unknown comes after those
    that ask nobody. Time is training, predicting the evaluated texts and everything around it, so that a contestant is
    not cheap because it trains for no time.
    """
    tied = {comparison.worse for comparison in comparisons if not comparison.distinguishable}

    def counted(result: ContestantResult) -> tuple[float, bool, float]:
        money, unknown, seconds = cost(result)
        return money, unknown, seconds if same_machine else 0.0

    cheapest = min([best, *(other for other in others if other.name in tied)], key=counted)
    return cheapest if _saves(counted(cheapest), counted(best)) else best


def cost(result: ContestantResult) -> tuple[float, bool, float]:
    """Return money in USD, whether there is unknown money on top, and seconds; smaller is cheaper."""
    unknown = result.usage is not None and result.usage.requests > 0 and result.usage.money is None
    return dollars(result), unknown, max(result.training.total_seconds, result.training.seconds)


def dollars(result: ContestantResult) -> float:
    """Return what the answers of an endpoint cost, 0 where there were none."""
    return (result.usage.money if result.usage else None) or 0.0


def _saves(one: tuple[float, bool, float], best: tuple[float, bool, float]) -> bool:
    if one[0] != best[0]:
        return one[0] <= _SAVES * best[0]
    if one[1] != best[1]:
        return best[1]
    return one[2] <= _SAVES * best[2]
