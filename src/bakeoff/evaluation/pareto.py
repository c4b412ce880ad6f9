"""Pareto fronts: contestants that no other one beats on both quality and cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bakeoff.runs.findings import Front
from bakeoff.runs.results import ContestantResult

COSTS: dict[str, Callable[[ContestantResult], float]] = {
    "training_seconds": lambda result: result.training.seconds,
    "peak_memory_bytes": lambda result: result.training.peak_memory_bytes,
    "trainable_parameters": lambda result: result.trainable_parameters,
    "model_bytes": lambda result: result.model_bytes,
    "money": lambda result: (result.usage.money if result.usage else None) or 0.0,
}
"""Costs of a contestant; less is better. Money counts only where somebody spent some."""


def fronts(results: Sequence[ContestantResult]) -> list[Front]:
    """Return the Pareto front of the first metric against each cost, the cheapest first. Intervals are ignored."""
    sign = 1 if results[0].metrics[0].higher_is_better else -1
    by_cost = []
    for name, cost in COSTS.items():
        if name == "money" and not any(map(cost, results)):
            continue
        members = [
            result
            for result in results
            if not any(
                _beats(
                    (sign * other.metrics[0].value, -cost(other)),
                    (sign * result.metrics[0].value, -cost(result)),
                )
                for other in results
            )
        ]
        names = [result.name for result in sorted(members, key=cost)]
        by_cost.append(Front.model_validate({"cost": name, "members": names}))
    return by_cost


def _beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Return True where `one` is at least as good in both, and better in one."""
    return one != other and one[0] >= other[0] and one[1] >= other[1]
