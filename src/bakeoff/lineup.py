"""Fit the contestants of a first config into the time that somebody has."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bakeoff.config.starting import StartingConfig
from bakeoff.evaluation.wording import duration
from bakeoff.planner import plan
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
    seconds = {contestant.name: contestant.all_seconds for contestant in forecast.contestants}
    total, left_out = forecast.total_seconds, dict[str, str]()
    slow = sorted(seconds.keys() - set(everything.quick), key=lambda name: -seconds[name])
    for name in slow:
        if total <= 60 * minutes:
            break
        total -= seconds[name]
        left_out[name] = f"about {duration(seconds[name])}"
    asked = f"You asked for {minutes:g} minute{'' if minutes == 1 else 's'}."
    return start(left_out, f"{asked} On this machine, the contestants take about {duration(total)} (bakeoff plan).")
