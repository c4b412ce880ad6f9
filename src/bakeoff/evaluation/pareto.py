"""Quality against cost: who is not beaten on both."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bakeoff.runs.findings import Front
from bakeoff.runs.results import ContestantResult

COSTS: dict[str, Callable[[ContestantResult], float]] = {
    "training_seconds": lambda result: result.training.seconds,
    "peak_memory_bytes": lambda result: result.training.peak_memory_bytes,
    "trainable_parameters": lambda result: result.trainable_parameters,
    "model_bytes": lambda result: result.model_bytes,
}
"""What is paid for the first metric, each the less the better."""


def fronts(results: Sequence[ContestantResult]) -> list[Front]:
    """The Pareto front of the first metric against each cost, the cheapest first. Intervals play no part in it."""
    sign = 1 if results[0].metrics[0].higher_is_better else -1
    found = []
    for cost, paid in COSTS.items():
        members = [
            result
            for result in results
            if not any(
                _beats(
                    (sign * other.metrics[0].value, -paid(other)),
                    (sign * result.metrics[0].value, -paid(result)),
                )
                for other in results
            )
        ]
        names = [result.name for result in sorted(members, key=paid)]
        found.append(Front.model_validate({"cost": cost, "members": names}))
    return found


def _beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """At least as good in both, and better in one."""
    return one != other and one[0] >= other[0] and one[1] >= other[1]
