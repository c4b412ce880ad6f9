"""Choose what the contestants of a bake-off are trained with: seeds, folds, and parts of the training rows."""

from __future__ import annotations

from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.config.classification import ClassificationConfig
from bakeoff.methods.registry import get_classification_method, get_method


def seeds(config: BakeoffConfig, name: str) -> list[int]:
    """Return the seeds of a contestant, at least one: `seed`, `seed` + 1, ... as many as `repeats` says.

    The data are always split with the first of them.
    """
    repeats = config.repeats if uses_seed(config, name) else 1
    return [config.seed + number for number in range(repeats)]


def uses_seed(config: BakeoffConfig, name: str) -> bool:
    """Return whether a contestant depends on the seed, itself or by one that it builds on."""
    settings = config.contestants[name]
    if settings.builds_on:
        return any(uses_seed(config, member) for member in settings.builds_on)
    return get_method(config.task, settings.method).uses_seed


def folds(config: BakeoffConfig) -> int:
    """Return how many folds the data are divided into, or 0 for a single split."""
    return (config.data.split.folds or 0) if isinstance(config, ClassificationConfig) else 0


def parts(config: BakeoffConfig, name: str) -> list[float]:
    """Return the shares of the training rows, all below 1, on which a contestant is trained for a learning curve.

    There are none for a contestant that does not learn from training rows: its line is level.
    """
    if not isinstance(config, ClassificationConfig):
        return []
    settings = config.contestants[name]
    learns = get_classification_method(settings.method).learns(settings)
    return shares(config) if learns else []


def shares(config: ClassificationConfig) -> list[float]:
    """Return the shares of a learning curve that are below 1; the whole is the contestant itself."""
    return [share for share in config.learning_curve if share < 1]
