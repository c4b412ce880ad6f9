"""Put into words what columns beside the text bring: each contestant that reads them against itself without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from bakeoff.evaluation.comparisons import compare, corrected
from bakeoff.evaluation.metrics import Draws, get_metric
from bakeoff.evaluation.wording import level, listed, number, p_value
from bakeoff.runs.results import Comparison, ContestantResult


def feature_worth(
    ranked: Sequence[ContestantResult],
    without: Mapping[str, str],
    scores: Mapping[str, Sequence[pa.Table]],
    draws: Draws,
) -> list[Comparison]:
    """Compare contestants that read columns with those that differ in nothing else, on the same test texts.

    The p-values are corrected for the number of these pairs (Holm 1979), apart from those of the verdict.

    Args:
        ranked: The contestants, best first.
        without: Contestant -> the one without columns.
        scores: scores.parquet of each contestant by name, one per seed.
    """
    place = {result.name: number for number, result in enumerate(ranked)}
    pairs = [sorted(pair, key=place.__getitem__) for pair in without.items() if set(pair) <= place.keys()]
    compared = (compare(ranked[place[better]], ranked[place[worse]], scores, draws) for better, worse in pairs)
    return corrected([comparison for comparison in compared if comparison], draws.confidence)


def feature_sentences(
    ranked: Sequence[ContestantResult],
    comparisons: Sequence[Comparison],
    without: Mapping[str, str],
    confidence: float,
) -> list[str]:
    """Say what the columns bring.

    Args:
        comparisons: As `feature_worth` returns them.
    """
    by_name = {result.name: result for result in ranked}
    sentences = []
    for comparison in comparisons:
        with_them = comparison.better if comparison.better in without else comparison.worse
        result, twin = by_name[with_them], by_name[without[with_them]]
        metric = get_metric(result.metrics[0].name)
        assert metric.paired is not None  # or it could not have been compared
        columns = f"the column{'s' * (len(result.columns) > 1)} {listed(result.columns)}"
        values = f"{number(result.metrics[0].value)}, against {number(twin.metrics[0].value)} of {twin.name}"
        if comparison.difference == 0:
            sentences.append(f"With {columns}, {with_them} has the same {metric.title} as without: {values}.")
            continue
        lead = metric.paired.difference.lead(comparison)
        ends = f"{level(confidence)} interval {lead.low} to {lead.high}"
        if comparison.p_value is not None and comparison.corrected_p_value is not None:
            ends += f", p {p_value(comparison.p_value)}"
            ends += f", corrected {p_value(comparison.corrected_p_value)}" * (len(comparisons) > 1)
        one, other = ("With", "without") if comparison.better == with_them else ("Without", "with")
        chance = "more than chance can explain" if comparison.distinguishable else "within chance"
        sentences.append(
            f"{one} {columns}, {with_them}'s {metric.title} is {lead.lead} than {other} ({values}; {ends}): {chance}."
        )
    return sentences
