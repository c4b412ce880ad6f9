"""Fit the contestants of a first config into the time that somebody has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from bakeoff.config.starting import StartingConfig
from bakeoff.evaluation.wording import duration
from bakeoff.planner import plan
from bakeoff.runs.plans import Plan
from bakeoff.training.progress import Progress


def within_minutes(
    start: Callable[[Mapping[str, str], str], StartingConfig], minutes: float, progress: Progress | None = None
) -> StartingConfig:
    """Return a config whose forecast is within the time: the slowest contestants are left out, never the quick ones.

    Args:
        start: Makes the config, without some contestants (name -> how long they take) and with a sentence on its time.
        progress: Is told how the planning proceeds.

    Raises:
        UserError: the data cannot be learned from, or a contestant cannot be planned.
    """
    everything = start({}, "")
    if everything.seen.task != "classification":
        return everything  # its budget is in tokens, for a first look
    forecast = plan(everything.values, progress=progress)
    too_slow = beyond(forecast, everything.quick, minutes)
    total = forecast.total_seconds - sum(too_slow.values())
    left_out = {name: f"about {duration(seconds)}" for name, seconds in too_slow.items()}
    asked = f"You asked for {minutes:g} minute{'' if minutes == 1 else 's'}."
    return start(left_out, f"{asked} On this machine, the contestants take about {duration(total)} (bakeoff plan).")


def beyond(forecast: Plan, quick: Collection[str], minutes: float) -> dict[str, float]:
    """Return the contestants to leave out so that the others are within the time, and their seconds.

    The slowest are left out first, the quick ones never.
    """
    seconds = {contestant.name: contestant.all_seconds for contestant in forecast.contestants}
    total, left_out = forecast.total_seconds, dict[str, float]()
    for name in sorted(seconds.keys() - set(quick), key=lambda name: -seconds[name]):
        if total <= 60 * minutes:
            break
        total -= seconds[name]
        left_out[name] = seconds[name]
    return left_out
