"""With which seeds the contestants of a bake-off are trained."""

from __future__ import annotations

from bakeoff.spec.schema import (
    ClassificationContestant,
    EnsembleContestant,
    LanguageModelContestant,
    LinearContestant,
    MajorityContestant,
    PretrainedContestant,
    Spec,
)

# Counting, a convex problem, and nothing at all: no seed is used.
DETERMINISTIC = (MajorityContestant, LinearContestant, PretrainedContestant)


def seeds(spec: Spec, name: str) -> list[int]:
    """The seeds of a contestant, at least one: `seed`, `seed` + 1, ... as many as `repeats` says.

    The data are always divided with the first of them.
    """
    settings: ClassificationContestant | LanguageModelContestant = spec.contestants[name]
    if isinstance(settings, EnsembleContestant):
        return max((seeds(spec, member) for member in settings.members), key=len)
    repeats = 1 if isinstance(settings, DETERMINISTIC) else spec.repeats
    return [spec.seed + number for number in range(repeats)]
