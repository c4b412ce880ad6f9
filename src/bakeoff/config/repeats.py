"""With which seeds the contestants of a bake-off are trained."""

from __future__ import annotations

from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.methods.ensemble.config import EnsembleConfig
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.majority.config import MajorityConfig
from bakeoff.methods.pretrained.config import PretrainedConfig

# Counting, a convex problem, and nothing at all: no seed is used.
DETERMINISTIC = (MajorityConfig, LinearConfig, PretrainedConfig)


def seeds(config: BakeoffConfig, name: str) -> list[int]:
    """The seeds of a contestant, at least one: `seed`, `seed` + 1, ... as many as `repeats` says.

    The data are always divided with the first of them.
    """
    settings: ClassificationContestant | LanguageModelContestant = config.contestants[name]
    if isinstance(settings, EnsembleConfig):
        return max((seeds(config, member) for member in settings.members), key=len)
    repeats = 1 if isinstance(settings, DETERMINISTIC) else config.repeats
    return [config.seed + number for number in range(repeats)]
