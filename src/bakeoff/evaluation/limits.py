"""Say what the evidence does not show. Every sentence has its condition on the results in this module."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.evaluation.metrics import documents
from bakeoff.evaluation.pairing import FEWEST_DOCUMENTS
from bakeoff.evaluation.wording import count, listed
from bakeoff.runs.data_report import DataReport, GroupSplit, TimeSplit
from bakeoff.runs.results import Comparison, ContestantResult

# With fewer documents the intervals are slightly too narrow; docs/explanation/statistics.md says by how much.
_FEW_DOCUMENTS = 15

# With fewer texts a single one moves the accuracy by more than a point.
_FEW_TEXTS = 100

# Numbers of training tokens that differ by a larger factor are not the same budget.
_SAME_TOKENS = 1.05


def limits(
    best: ContestantResult,
    others: Sequence[ContestantResult],
    comparisons: Sequence[Comparison],
    data: DataReport | None = None,
) -> list[str]:
    """Name seeds, splits and data, then whatever else in the results gives reason to doubt."""
    results = [best, *others]
    words = [
        _seeds(results),
        *_split(results, data),
        *_few(best, alone=not others),
        *_precision(results),
        *_tokens(results),
    ]
    if len(comparisons) > 1:
        words.append(
            f"{len(comparisons)} comparisons were made without correcting for their number: the more contestants, the "
            f"likelier a lead by luck."
        )
    return words


def _seeds(results: Sequence[ContestantResult]) -> str:
    evaluated = documents(results[0].metrics[0])
    repeated = [result for result in results if result.seeds]
    if not repeated:
        seeds = sorted({str(result.seed) for result in results})
        return (
            f"Not shown: the effect of another seed, another split or other data. Each contestant was trained once, "
            f"with seed {listed(seeds)}; the intervals cover only the choice of the {evaluated}."
        )
    seeds_of_first = repeated[0].seeds
    once = [result.name for result in results if not result.seeds]
    rest = f", {listed(once)} once" if once else ""
    return (
        f"Not shown: the effect of another split or other data. {listed([result.name for result in repeated])} trained "
        f"with {len(seeds_of_first)} seeds ({seeds_of_first[0]} to {seeds_of_first[-1]}){rest}; the intervals cover "
        f"only the choice of the {evaluated} and of the seeds."
    )


def _split(results: Sequence[ContestantResult], data: DataReport | None) -> list[str]:
    """Say what a split by groups or by time measures."""
    rule = data.split_rule if data else None
    evaluated = results[0].metrics[0].split
    if isinstance(rule, TimeSplit):
        return [
            f"The {evaluated} texts are the latest ones (from {rule.first[evaluated]}, column '{rule.time}'): the "
            f"metrics say how well models of the texts until {rule.last['train']} do on later ones, and cannot be "
            f"compared with those of a random split."
        ]
    if isinstance(rule, GroupSplit):
        return [
            f"No '{rule.group}' is in two splits: the {evaluated} texts have {count(rule.groups[evaluated])} values of "
            f"it that no contestant was trained on. Texts of one '{rule.group}' resemble each other, so the intervals, "
            f"which resample single texts, may be too narrow."
        ]
    return []


def _few(best: ContestantResult, *, alone: bool) -> list[str]:
    number = best.metrics[0].documents
    if best.task == "classification":
        if number >= _FEW_TEXTS:
            return []
        return [f"{count(number)} test texts are few: each one is worth {100 / number:.1f} points of accuracy."]
    if number >= _FEW_DOCUMENTS or alone:
        return []
    if number >= FEWEST_DOCUMENTS:
        return [f"{number} documents are few: 95% intervals from so few hold the truth about nine times in ten."]
    return [
        f"With fewer than {FEWEST_DOCUMENTS} documents, their pieces were resampled; pieces of one document resemble "
        f"each other, so the intervals are too narrow."
    ]


def _precision(results: Sequence[ContestantResult]) -> list[str]:
    half = [result.name for result in results if result.training.precision == "bf16"]
    full = [result.name for result in results if result.training.precision != "bf16"]
    if not half or not full:
        return []
    return [
        f"The arithmetic differs: {listed(half)} computed in bf16, {listed(full)} in higher precision; a small "
        f"difference may come from that."
    ]


def _tokens(results: Sequence[ContestantResult]) -> list[str]:
    """Name contestants that take steps and did not see the same number of tokens, as under a limit of seconds.

    Words of one contestant and tokens of another's model cannot be compared.
    """
    sentences = []
    trained = [result for result in results if result.training.steps]
    for unit in dict.fromkeys(result.token_unit for result in trained):
        seen = {result.name: result.training.tokens for result in trained if result.token_unit == unit}
        most, least = max(seen, key=lambda name: seen[name]), min(seen, key=lambda name: seen[name])
        if seen[most] > _SAME_TOKENS * seen[least]:
            sentences.append(
                f"They did not learn from the same amount of text: {most} saw {count(seen[most])} training {unit}, "
                f"{least} {count(seen[least])}."
            )
    return sentences
