"""The verdict in plain words. Every sentence is made from figures by a rule that stands here, and by nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bakeoff.judge.pairing import FEWEST_DOCUMENTS
from bakeoff.judge.wording import (
    count,
    duration,
    figure_name,
    interval,
    level,
    listed,
    number,
    p_value,
    parameters,
    signed,
    size,
    times,
)
from bakeoff.runs.results import Comparison, ContestantResult, Figure

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
) -> list[str]:
    """Who is best, by how much, whether that is more than luck, at what cost, and what was not shown.

    Args:
        best: The contestant with the best first figure.
        others: The rest, best first.
        comparisons: `best` with each of the others for which a paired interval exists.
    """
    by_name = {comparison.worse: comparison for comparison in comparisons}
    words = [_winner(best, alone=not others)]
    words += [_lead(best, other, by_name.get(other.name), confidence) for other in others]
    words += _better_buy(best, others, by_name)
    words += [_cost(best, other) for other in others if other.trainable_parameters][:_COSTS]
    words += _limits(best, others, comparisons)
    return words


def _winner(best: ContestantResult, *, alone: bool) -> str:
    figure = best.figures[0]
    ends = f" ({level(figure.confidence)} interval {interval(figure)})" if interval(figure) else ""
    judged = f"{figure_name(figure.name)} {number(figure.value)}{ends} on {_documents(figure)}"
    if alone:
        return f"{best.name} reached {judged}; there was no other contestant to compare it with."
    return f"{best.name} is best: {judged}."


def _documents(figure: Figure) -> str:
    return f"{count(figure.documents)} {figure.split} {_unit(figure)}{'' if figure.documents == 1 else 's'}"


def _unit(figure: Figure) -> str:
    return "text" if figure.higher_is_better else "document"


def _lead(best: ContestantResult, other: ContestantResult, comparison: Comparison | None, confidence: float) -> str:
    name, value = figure_name(best.figures[0].name), number(other.figures[0].value)
    unit = _unit(best.figures[0])
    if comparison is None:
        return (
            f"{other.name} reached a {name} of {value}; with a single piece of test text there is nothing to resample, "
            f"so the difference has no interval."
        )
    lead, low, high = _margin(comparison)
    ends = f"{level(confidence)} interval {low} to {high}"
    if comparison.p_value is not None:
        ends += f", McNemar's p {p_value(comparison.p_value)}"
    if comparison.difference == 0:
        return f"{other.name} is level with it ({ends})."
    if comparison.distinguishable:
        return f"Its {name} is {lead} than {other.name}'s {value} ({ends}): more than chance in the choice of {unit}s."
    return (
        f"Its {name} is {lead} than {other.name}'s {value} ({ends}): within chance, these {unit}s do not tell the two "
        f"apart."
    )


def _margin(comparison: Comparison) -> tuple[str, str, str]:
    """The lead and its interval, counted so that a lead is positive and the smaller end stands first."""
    if comparison.figure in ("accuracy", "macro_f1"):
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


def _limits(best: ContestantResult, others: Sequence[ContestantResult], comparisons: Sequence[Comparison]) -> list[str]:
    """What the evidence does not show."""
    figure = best.figures[0]
    words = [
        f"Not shown: what another seed or another split would give. Each contestant was trained once, with seed "
        f"{best.seed}; the intervals cover the choice of the {_documents(figure)} and nothing else."
    ]
    if best.task == "language-model" and others and figure.documents < FEWEST_DOCUMENTS:
        words.append(
            f"With fewer than {FEWEST_DOCUMENTS} documents their pieces were resampled; pieces of one document "
            f"resemble each other, so the intervals are too narrow."
        )
    if len(comparisons) > 1:
        words.append(
            f"{len(comparisons)} comparisons were made and none was corrected for the others: the more contestants, "
            f"the likelier a lead by luck."
        )
    return words
