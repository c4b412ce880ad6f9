"""Fit the contestants of a first config into the time that somebody has."""

from __future__ import annotations

from collections.abc import Mapping

from bakeoff.config.starting import StartingConfig
from bakeoff.evaluation.wording import duration
from bakeoff.planner import plan
from bakeoff.runs.plans import ContestantPlan, Plan
from bakeoff.training.progress import Progress

_SHARES = (1.0, 0.6, 0.4)
"""Of the usual epochs. Even fewer leave a network half trained."""


def within_minutes(everything: StartingConfig, minutes: float, progress: Progress | None = None) -> StartingConfig:
    """Return a config whose forecast is within the time: those that promise most stay, with fewer epochs if need be.

    Args:
        everything: The config with all contestants that fit the table.
        progress: Is told how the planning proceeds.

    Raises:
        UserError: the data cannot be learned from, or a contestant cannot be planned.
    """
    if everything.shorter is None:
        return everything  # its budget is in tokens, for a first look
    forecast = plan(everything.values, progress=progress)
    usual: int = everything.values["budget"]["epochs"]
    promises = {each.name: each.promise for each in everything.lineup if not each.is_quick}
    epochs = _epochs(forecast, promises, minutes, usual)
    too_slow = beyond(forecast, promises, minutes, epochs / usual)
    total = _total(forecast, epochs / usual) - sum(too_slow.values())
    left_out = {name: f"about {duration(seconds)}" for name, seconds in too_slow.items()}
    asked = f"You asked for {minutes:g} minute{'' if minutes == 1 else 's'}."
    takes = f"On this machine, the contestants take about {duration(total)} (bakeoff plan)."
    return everything.shorter(left_out, f"{asked} {takes}", None if epochs == usual else epochs)


def beyond(forecast: Plan, promises: Mapping[str, int], minutes: float, share: float = 1.0) -> dict[str, float]:
    """Return the contestants to leave out so that the others are within the time, and their seconds.

    Those that take a twentieth of the time at most are kept first: they make nobody else too slow. Then whoever
    promises more, of equals the one that is quicker.

    Args:
        forecast: With the usual number of epochs.
        promises: Contestants that may be left out -> what they promise (`Proposal.promise`).
        share: Of these epochs.
    """
    seconds = {each.name: _seconds(each, share) for each in forecast.contestants if each.name in promises}
    total, left_out = _total(forecast, share) - sum(seconds.values()), dict[str, float]()
    cheap = 60 * minutes / 20
    for name in sorted(seconds, key=lambda name: (seconds[name] > cheap, -promises[name], seconds[name])):
        if total + seconds[name] <= 60 * minutes:
            total += seconds[name]
        else:
            left_out[name] = seconds[name]
    return left_out


def _epochs(forecast: Plan, promises: Mapping[str, int], minutes: float, usual: int) -> int:
    """Return the number of epochs with which most of those that promise most are kept; of equals, the highest."""
    best = {name for name, promise in promises.items() if promise == max(promises.values())}
    choices = [max(1, round(share * usual)) for share in _SHARES]
    return max(choices, key=lambda epochs: len(best - beyond(forecast, promises, minutes, epochs / usual).keys()))


def _total(forecast: Plan, share: float) -> float:
    return forecast.total_seconds - sum(each.all_seconds - _seconds(each, share) for each in forecast.contestants)


def _seconds(contestant: ContestantPlan, share: float) -> float:
    """Return the time of all trainings with a share of the epochs."""
    if not contestant.epochs:
        return contestant.all_seconds  # it has none: a linear model, a frozen encoder
    return contestant.all_seconds - (1 - share) * contestant.seeds * contestant.trainings * contestant.training_seconds
