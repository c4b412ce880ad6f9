"""The first lines of a verdict: the winner and by how much, and the recommendation and why."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.evaluation.metrics import documents, get_metric, metric_name
from bakeoff.evaluation.recommendation import cost
from bakeoff.evaluation.wording import duration, level, listed, money, number
from bakeoff.runs.results import Comparison, ContestantResult

_NAMED = 4  # contestants of a tie; of more, the first three are named and the others counted


def winner_line(
    best: ContestantResult,
    others: Sequence[ContestantResult],
    comparisons: Sequence[Comparison],
    confidence: float,
) -> str:
    """Name the winner and its lead over the next one, or those that are tied.

    Args:
        others: The rest, best first.
        comparisons: `best` with each of the others for which a paired interval exists.
    """
    metric = best.metrics[0]
    mean = f", the mean of {len(metric.by_seed)} seeds," if metric.by_seed else ""
    name, value = metric_name(metric.name), number(metric.value)
    if not others:
        reached = f"{best.name} reached {name} {value}{mean} on {documents(metric)}"
        return f"{reached}; there was no other contestant to compare it with."
    if tied := _tied(others, comparisons):
        values = [f"{best.name} ({name} {value}{mean.rstrip(',')})"]
        values += [f"{other.name} ({number(other.metrics[0].value)})" for other in tied]
        if len(values) > _NAMED:
            values[_NAMED - 1 :] = [f"{len(values) - _NAMED + 1} more"]
        return f"A tie: {listed(values)} cannot be told apart on {documents(metric)}."
    evaluated = f"{best.name} is best: {name} {value}{mean} on {documents(metric)}"
    second = next((comparison for comparison in comparisons if comparison.worse == others[0].name), None)
    paired = get_metric(metric.name).paired
    if second is None or paired is None:
        return f"{evaluated}."
    lead = paired.difference.lead(second)
    comma = "" if mean else ","
    return (
        f"{evaluated}{comma} {lead.lead} than {second.worse} ({level(confidence)} interval {lead.low} to {lead.high})."
    )


def recommendation_line(
    best: ContestantResult,
    recommended: ContestantResult,
    others: Sequence[ContestantResult],
    comparisons: Sequence[Comparison],
    same_machine: bool = True,
) -> str:
    """Say which contestant `recommendation.recommend` has chosen, and why."""
    tied = _tied(others, comparisons)
    if recommended is not best:
        among = f"the {len(tied) + 1} that are tied" if len(tied) > 1 else "the two"
        paired = get_metric(best.metrics[0].name).paired
        assert paired is not None  # else nothing would be tied
        lead = paired.difference.lead(next(pair for pair in comparisons if pair.worse == recommended.name))
        return (
            f"Recommended: {recommended.name}, the cheapest of {among}: {_cheaper(recommended, best)}. "
            f"Its {metric_name(best.metrics[0].name)} may be up to {lead.most}."
        )
    if tied and not same_machine:
        return (
            f"Recommended: {best.name}. Nothing that is tied with it costs a fifth less money, and times on different "
            f"machines do not tell which is cheaper."
        )
    if tied:
        return f"Recommended: {best.name}. Nothing that is tied with it is cheaper by a fifth or more."
    if not comparisons:
        return f"Recommended: {best.name}. There is nothing to resample that could tell the others apart from it."
    rest = f"{others[0].name} is" if len(others) == 1 else "The others are all"
    return f"Recommended: {best.name}. {rest} worse by more than chance can explain."


def _tied(others: Sequence[ContestantResult], comparisons: Sequence[Comparison]) -> list[ContestantResult]:
    names = {comparison.worse for comparison in comparisons if not comparison.distinguishable}
    return [other for other in others if other.name in names]


def _cheaper(one: ContestantResult, best: ContestantResult) -> str:
    """Say what the cheaper one costs where the best costs more."""
    (its_money, _, its_seconds), (paid, asks, seconds) = cost(one), cost(best)
    if its_money != paid:
        return f"it costs {money(its_money) if its_money else 'nothing'} where {best.name} costs {money(paid)}"
    if asks and not cost(one)[1]:
        return f"it asks no endpoint, whose prices for {best.name} are unknown"
    return f"{duration(its_seconds)} of training and predicting, where {best.name} took {duration(seconds)}"
