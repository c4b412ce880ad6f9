"""The settings that a search may try, as a method's config declares them, and how long a search lasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from bakeoff.sections import PositiveFloat, PositiveInt, Section


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; whole numbers if both ends are."""

    low: float
    high: float
    log: bool = False  # as many tries from 1 to 10 as from 10 to 100


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    values: tuple[str | int | float | bool, ...]


SearchSpace = Mapping[str, Range | Choice]
"""Settings by name."""


class Tune(Section):
    """A search for better settings, by the validation split. The first trial has the settings of the config."""

    trials: PositiveInt | None = Field(None, description="Trainings, each with other settings.")
    seconds: PositiveFloat | None = Field(
        None,
        description="Training time of all trials. With neither this nor `trials`, the search lasts as long as "
        "`budget.seconds`.",
    )
    at_once: PositiveInt = Field(
        1,
        description="Trials that know nothing of each other, only of the rounds before, so that they can run at the "
        "same time with `--workers` or `--on`. Needs `trials`.",
    )
    settings: list[str] | None = Field(
        None, description="The settings to search; if absent, all that can be and that the config does not give."
    )
