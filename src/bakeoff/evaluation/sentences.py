"""Put the details of the verdict into words; `summary.py` writes its first lines.

Every sentence is made from metrics by a rule in this module, and by nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.evaluation.metrics import get_metric, metric_name
from bakeoff.evaluation.wording import (
    count,
    duration,
    interval,
    level,
    listed,
    money,
    number,
    p_value,
    parameters,
    percent,
    size,
    times,
)
from bakeoff.runs.findings import TextAverages, TimeLimit
from bakeoff.runs.results import Comparison, ContestantResult

# Contestants whose costs are put into words; the table has them all.
_COSTS = 3

_TESTS = {"McNemar": "McNemar's p", "bootstrap": "p", "Student": "p"}


def sentences(
    best: ContestantResult,
    others: Sequence[ContestantResult],
    comparisons: Sequence[Comparison],
    *,
    confidence: float,
    limit: TimeLimit | None = None,
    texts: Sequence[TextAverages] = (),
    same_machine: bool = True,
) -> list[str]:
    """Say by how much the best leads, whether that is more than luck, at what cost, and who leads under a time limit.

    Args:
        best: The contestant with the best first metric.
        others: The rest, best first.
        comparisons: `best` with each of the others for which a paired interval exists.
        limit: How good the contestants were when the quickest had been trained.
        texts: Averages over the generated texts.
        same_machine: Whether times and memory can be compared.
    """
    by_name = {comparison.worse: comparison for comparison in comparisons}
    words = [_reached(best)]
    words += [_lead(best, other, by_name.get(other.name), confidence, len(comparisons)) for other in others]
    words += [_cost(best, other, same_machine) for other in others if other.trainable_parameters][:_COSTS]
    return words + _money([best, *others]) + _time_limit(limit) + _texts(texts)


def _reached(best: ContestantResult) -> str:
    metric = best.metrics[0]
    known = [f"{level(metric.confidence)} interval {interval(metric)}"] if interval(metric) else []
    if metric.by_seed:
        known.append(f"{number(min(metric.by_seed))} to {number(max(metric.by_seed))} between seeds")
    ends = f" ({'; '.join(known)})" if known else ""
    return f"{best.name} reached {metric_name(metric.name)} {number(metric.value)}{ends}."


def _lead(
    best: ContestantResult, other: ContestantResult, comparison: Comparison | None, confidence: float, comparisons: int
) -> str:
    metric, value = get_metric(best.metrics[0].name), number(other.metrics[0].value)
    sampled = f"{metric.counted}s"
    if comparison is None or metric.paired is None:
        return (
            f"{other.name} reached a {metric.title} of {value}; with a single piece of test text there is nothing to "
            f"resample, so the difference has no interval."
        )
    difference = metric.paired.difference.lead(comparison)
    ends = f"{level(confidence)} interval {difference.low} to {difference.high}"
    if comparison.p_value is not None and comparison.corrected_p_value is not None:
        ends += f", {_TESTS[comparison.test]} {p_value(comparison.p_value)}"
        ends += f", corrected {p_value(comparison.corrected_p_value)}" * (comparisons > 1)
    if comparison.by_seed:
        ahead = sum(by_seed * comparison.difference > 0 for by_seed in comparison.by_seed)
        ends += f", ahead with {ahead} of {len(comparison.by_seed)} seeds"
    if comparison.difference == 0:
        return f"{other.name} is tied with it ({ends})."
    lead = f"Its {metric.title} is {difference.lead} than {other.name}'s {value} ({ends})"
    if comparison.distinguishable:
        choice = f"{sampled} and seeds" if comparison.by_seed else sampled
        return f"{lead}: more than chance in the choice of {choice} can explain."
    if not comparison.low <= 0 <= comparison.high:
        if comparison.p_value is not None and comparison.p_value < 1 - confidence:
            return f"{lead}: within chance, given {comparisons} comparisons."
        test = "McNemar's exact test" if comparison.test == "McNemar" else "the test"
        return f"{lead}: within chance; {test} does not tell the two apart, although the interval excludes 0."
    return f"{lead}: within chance; these {sampled} cannot tell the two apart."


def _cost(best: ContestantResult, other: ContestantResult, same_machine: bool) -> str:
    """Compare the costs of another trained contestant with those of the best one."""
    spent = other.training
    if not best.training.seconds:
        return f"{best.name} needed no training; {other.name} trained for {duration(spent.seconds)}."
    parts = []
    if same_machine:
        parts.append(
            f"trained for {duration(spent.seconds)} ({times(spent.seconds / best.training.seconds)} the "
            f"{duration(best.training.seconds)} of {best.name})"
        )
    if same_machine and spent.peak_memory_bytes and best.training.peak_memory_bytes:
        parts.append(
            f"peaked at {size(spent.peak_memory_bytes)} of memory (against {size(best.training.peak_memory_bytes)})"
        )
    if other.trainable_parameters and best.trainable_parameters:
        parts.append(
            f"has {parameters(other.trainable_parameters)} trainable parameters (against "
            f"{parameters(best.trainable_parameters)})"
        )
    of = "" if same_machine else f" of {best.name}"
    parts.append(f"takes {size(other.model_bytes)} on disk (against {size(best.model_bytes)}{of})")
    return f"{other.name} {listed(parts)}."


def _money(results: Sequence[ContestantResult]) -> list[str]:
    """Say what the answers of endpoints cost."""
    words = []
    for result in results:
        if (usage := result.usage) is None or not usage.requests:
            continue
        tokens = f"{count(usage.input_tokens)} tokens of prompts and {count(usage.output_tokens)} of answers"
        if usage.money is None:
            words.append(f"{result.name} took {count(usage.requests)} answers of an endpoint: {tokens}.")
        else:
            words.append(
                f"{result.name} cost {money(usage.money)} for {count(usage.requests)} answers ({tokens}): "
                f"{money(1000 * usage.money / usage.requests)} per 1,000 texts."
            )
    return words


def _time_limit(limit: TimeLimit | None) -> list[str]:
    """Say who leads after the same number of seconds; nothing where all took about as long."""
    if limit is None:
        return []
    spent = duration(limit.seconds)
    ranked = sorted(
        (name for name, value in limit.values.items() if value is not None),
        key=lambda name: (limit.values[name] or 0) * (1 if limit.metric == "validation loss" else -1),
    )
    late = [name for name, value in limit.values.items() if value is None]
    waiting = [f"{listed(late)} had not been evaluated yet"] if late else []
    if limit.leader is None:
        reached = [f"{name} had reached a {limit.metric} of {number(limit.values[name] or 0)}" for name in ranked]
        return [f"When {limit.quickest} finished training, after {spent}, {listed([*reached, *waiting])}."]
    others = [f"{name}'s {number(limit.values[name] or 0)}" for name in ranked if name != limit.leader]
    against = f", against {listed(others)}" if others else ""
    return [
        f"Under a limit of {spent} of training, the time of {limit.quickest}, {limit.leader} leads: {limit.metric} "
        f"{number(limit.values[limit.leader] or 0)}{against}{'; ' + waiting[0] if waiting else ''} (a single look at "
        f"the validation split, without an interval)."
    ]


def _texts(averages: Sequence[TextAverages]) -> list[str]:
    """Say whose generated texts vary most; nothing where there are none, or no difference."""
    ranked = sorted(averages, key=lambda average: -average.distinct_2)
    if len(ranked) < 2 or ranked[0].distinct_2 == ranked[-1].distinct_2:
        return []
    first, last = ranked[0], ranked[-1]
    evaluated = "1 text each" if first.texts == 1 else f"{first.texts} texts each"
    return [
        f"{first.name} writes the most diverse texts (distinct word pairs {percent(first.distinct_2)}, repeated "
        f"4-grams {percent(first.repeated_4_grams)}), {last.name} the least diverse ({percent(last.distinct_2)}, "
        f"{percent(last.repeated_4_grams)}): {evaluated}, without an interval."
    ]
