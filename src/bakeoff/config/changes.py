"""Change the config of a run that has begun, where no result depends on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.config.load import load_config
from bakeoff.errors import UserError


def load_changed(values: Mapping[str, Any], overrides: Sequence[str]) -> BakeoffConfig:
    """Check the config of a run, with other values of keys on which no result depends.

    Args:
        values: The config that the run began with.
        overrides: Assignments such as `tracker=none`.

    Raises:
        UserError: a result depends on the key of one; or as `load_config`.
    """
    began = load_config(values)
    if not overrides:
        return began
    kept = _for_results(began)
    for override in overrides:
        if _for_results(load_config(values, [override])) != kept:
            keys = ["tracker", *(f"contestants.{name}.{key}" for name, key in _changeable(began))]
            raise UserError(
                f"--set {override}: results depend on it, and the run has begun. What can be set: {', '.join(keys)}.",
                "For another value, begin a new run: bakeoff run CONFIG -o NEW",
            )
    return load_config(values, overrides)


def _changeable(config: BakeoffConfig) -> list[tuple[str, str]]:
    """Return the settings of contestants on which no result depends, where they have a value."""
    return [
        (name, key)
        for name, settings in config.contestants.items()
        for key in settings.changeable
        if getattr(settings, key) is not None
    ]


def _for_results(config: BakeoffConfig) -> dict[str, Any]:
    """Return the values on which results depend."""
    values = config.model_dump(mode="json", exclude={"tracker"})
    for name, key in _changeable(config):
        values["contestants"][name][key] = None
    return values
