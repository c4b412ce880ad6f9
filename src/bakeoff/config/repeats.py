"""Choose the seeds that the contestants of a bake-off are trained with, and the folds of each."""

from __future__ import annotations

from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.config.classification import ClassificationConfig
from bakeoff.methods.registry import get_method


def seeds(config: BakeoffConfig, name: str) -> list[int]:
    """Return the seeds of a contestant, at least one: `seed`, `seed` + 1, ... as many as `repeats` says.

    The data are always split with the first of them.
    """
    settings = config.contestants[name]
    if settings.builds_on:
        return max((seeds(config, member) for member in settings.builds_on), key=len)
    repeats = config.repeats if get_method(config.task, settings.method).uses_seed else 1
    return [config.seed + number for number in range(repeats)]


def folds(config: BakeoffConfig) -> int:
    """Return how many folds the data are divided into, or 0 for a single split."""
    return (config.data.split.folds or 0) if isinstance(config, ClassificationConfig) else 0
