"""The verdict in plain words. Every sentence is made from metrics by a rule that stands here, and by nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bakeoff.evaluation.wording import (
    documents,
    duration,
    interval,
    level,
    listed,
    metric_name,
    number,
    p_value,
    parameters,
    percent,
    signed,
    size,
    times,
    unit,
)
from bakeoff.runs.findings import TextAverages, TimeLimit
from bakeoff.runs.results import Comparison, ContestantResult

# A contestant that cannot be told from the best one is called the better buy from this share of its time downwards.
_CHEAPER = 0.8

# The costs of so many others are put into words; the table has them all.
_COSTS = 3


def sentences(
    best: ContestantResult,
    others: Sequence[ContestantResult],
    comparisons: Sequence[Comparison],
    *,
    confidence: float,
    limit: TimeLimit | None = None,
    texts: Sequence[TextAverages] = (),
) -> list[str]:
    """Who is best, by how much, whether that is more than luck, at what cost, and who leads under a time limit.

    Args:
        best: The contestant with the best first metric.
        others: The rest, best first.
        comparisons: `best` with each of the others for which a paired interval exists.
        limit: Where the contestants stood when the quickest had been trained.
        texts: Figures about the generated texts.
    """
    by_name = {comparison.worse: comparison for comparison in comparisons}
    words = [_winner(best, alone=not others)]
    words += [_lead(best, other, by_name.get(other.name), confidence) for other in others]
    words += _better_buy(best, others, by_name)
    words += [_cost(best, other) for other in others if other.trainable_parameters][:_COSTS]
    return words + _time_limit(limit) + _texts(texts)


def _winner(best: ContestantResult, *, alone: bool) -> str:
    metric = best.metrics[0]
    known = [f"{level(metric.confidence)} interval {interval(metric)}"] if interval(metric) else []
    if metric.by_seed:
        known.append(f"{number(min(metric.by_seed))} to {number(max(metric.by_seed))} between seeds")
    ends = f" ({'; '.join(known)})" if known else ""
    mean = f", the mean of {len(metric.by_seed)} seeds," if metric.by_seed else ""
    evaluated = f"{metric_name(metric.name)} {number(metric.value)}{mean}{ends} on {documents(metric)}"
    if alone:
        return f"{best.name} reached {evaluated}; there was no other contestant to compare it with."
    return f"{best.name} is best: {evaluated}."


def _lead(best: ContestantResult, other: ContestantResult, comparison: Comparison | None, confidence: float) -> str:
    name, value = metric_name(best.metrics[0].name), number(other.metrics[0].value)
    chance = f"in the choice of {unit(best.metrics[0])}s"
    if comparison is None:
        return (
            f"{other.name} reached a {name} of {value}; with a single piece of test text there is nothing to resample, "
            f"so the difference has no interval."
        )
    lead, low, high = _margin(comparison)
    ends = f"{level(confidence)} interval {low} to {high}"
    if comparison.p_value is not None:
        ends += f", McNemar's p {p_value(comparison.p_value)}"
    if comparison.by_seed:
        ahead = sum(difference * comparison.difference > 0 for difference in comparison.by_seed)
        ends += f", ahead with {ahead} of {len(comparison.by_seed)} seeds"
        chance += " and seeds"
    if comparison.difference == 0:
        return f"{other.name} is level with it ({ends})."
    if comparison.distinguishable:
        return f"Its {name} is {lead} than {other.name}'s {value} ({ends}): more than chance {chance}."
    return (
        f"Its {name} is {lead} than {other.name}'s {value} ({ends}): within chance, these {unit(best.metrics[0])}s do "
        f"not tell the two apart."
    )


def _margin(comparison: Comparison) -> tuple[str, str, str]:
    """The lead and its interval, counted so that a lead is positive and the smaller end stands first."""
    if comparison.metric in ("accuracy", "macro_f1"):
        points = [100 * value for value in (comparison.difference, comparison.low, comparison.high)]
        return f"{signed(points[0])} points higher", signed(points[1]), signed(points[2])
    # A difference of losses is the logarithm of a ratio of perplexities.
    lower = [100 * (1 - math.exp(value)) for value in (comparison.difference, comparison.high, comparison.low)]
    return f"{signed(lower[0])} % lower", f"{signed(lower[1])} %", f"{signed(lower[2])} %"


def _better_buy(
    best: ContestantResult, others: Sequence[ContestantResult], comparisons: dict[str, Comparison]
) -> list[str]:
    """The quickest of the contestants that cannot be told from the best one, if it is much quicker."""
    level_with_it = [
        other for other in others if other.name in comparisons and not comparisons[other.name].distinguishable
    ]
    if not level_with_it:
        return []
    quickest = min(level_with_it, key=lambda result: result.training.seconds)
    if quickest.training.seconds > _CHEAPER * best.training.seconds:
        return []
    share = quickest.training.seconds / best.training.seconds
    return [
        f"{quickest.name} cannot be told from it and trained in {times(share)} its time: unless more test data decide "
        f"otherwise, it is the better buy."
    ]


def _cost(best: ContestantResult, other: ContestantResult) -> str:
    """What another trained contestant spent, against the best one."""
    spent = other.training
    if not best.training.seconds:
        return f"{best.name} needed no training; {other.name} trained for {duration(spent.seconds)}."
    parts = [
        f"trained for {duration(spent.seconds)} ({times(spent.seconds / best.training.seconds)} the "
        f"{duration(best.training.seconds)} of {best.name})"
    ]
    if spent.peak_memory_bytes and best.training.peak_memory_bytes:
        parts.append(
            f"peaked at {size(spent.peak_memory_bytes)} of memory (against {size(best.training.peak_memory_bytes)})"
        )
    if other.trainable_parameters and best.trainable_parameters:
        parts.append(
            f"has {parameters(other.trainable_parameters)} trainable parameters (against "
            f"{parameters(best.trainable_parameters)})"
        )
    parts.append(f"takes {size(other.model_bytes)} on disk (against {size(best.model_bytes)})")
    return f"{other.name} {listed(parts)}."


def _time_limit(limit: TimeLimit | None) -> list[str]:
    """Who leads at equal seconds; nothing where all took as long."""
    if limit is None:
        return []
    spent = duration(limit.seconds)
    ranked = sorted(
        (name for name, value in limit.values.items() if value is not None),
        key=lambda name: (limit.values[name] or 0) * (-1 if limit.metric == "validation accuracy" else 1),
    )
    late = [name for name, value in limit.values.items() if value is None]
    waiting = [f"{listed(late)} had not been evaluated once"] if late else []
    if limit.leader is None:
        stood = [f"{name} stood at a {limit.metric} of {number(limit.values[name] or 0)}" for name in ranked]
        return [f"When {limit.quickest} had been trained, after {spent}, {listed([*stood, *waiting])}."]
    others = [f"{name}'s {number(limit.values[name] or 0)}" for name in ranked if name != limit.leader]
    against = f", against {listed(others)}" if others else ""
    return [
        f"Under a limit of {spent} of training, the time of {limit.quickest}, {limit.leader} leads: {limit.metric} "
        f"{number(limit.values[limit.leader] or 0)}{against}{'; ' + waiting[0] if waiting else ''} (one look at the "
        f"validation side, without interval)."
    ]


def _texts(averages: Sequence[TextAverages]) -> list[str]:
    """Whose generated texts vary most; nothing where there are none, or no difference."""
    ranked = sorted(averages, key=lambda each: -each.distinct_2)
    if len(ranked) < 2 or ranked[0].distinct_2 == ranked[-1].distinct_2:
        return []
    first, last = ranked[0], ranked[-1]
    evaluated = "1 text each" if first.texts == 1 else f"{first.texts} texts each"
    return [
        f"{first.name} writes the most diverse texts (distinct word pairs {percent(first.distinct_2)}, repeated "
        f"4-grams {percent(first.repeated_4_grams)}), {last.name} the least diverse ({percent(last.distinct_2)}, "
        f"{percent(last.repeated_4_grams)}): {evaluated}, without interval."
    ]
