"""Say what gives reason to doubt a verdict. Every caution has its condition on the results in this module."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from bakeoff.evaluation.metrics import documents, get_metric, metric_name
from bakeoff.evaluation.pairing import FEWEST_DOCUMENTS
from bakeoff.evaluation.wording import count, level, listed, times
from bakeoff.runs.data_report import DataReport, GroupSplit, TimeSplit
from bakeoff.runs.results import Comparison, ContestantResult, EpochLine

# With fewer documents the intervals are slightly too narrow; docs/explanation/statistics.md says by how much.
_FEW_DOCUMENTS = 15

# With fewer texts a single one moves the accuracy by more than a point.
_FEW_TEXTS = 100

# With fewer texts of a class, a single one moves its recall by more than ten points.
_FEW_OF_A_CLASS = 10

# Numbers of passes over the training texts that differ by a larger factor are not the same budget.
_SAME_PASSES = 1.05

# A validation loss that the last evaluation has lowered by at least this share was still falling.
_STILL_FALLING = 0.02

# Standard errors that a difference must be beyond what tells it apart, to be found in four cases of five.
_POWER = 0.84

_MANY_TEXTS = 1_000_000


class Concern(enum.IntEnum):
    """Reasons to doubt a verdict, the most important one first: the first that applies is in the verdict's summary.

    First what makes the metrics wrong, then what leaves the question open, then what may change the answer, then what
    limits it to a part of the question. The one on seeds, splits and data always applies: what comes after it is never
    in the summary.
    """

    LEAK = enum.auto()
    OTHER_TRAINING_DATA = enum.auto()
    UNDECIDED = enum.auto()
    FEW_TEXTS = enum.auto()
    FAILED = enum.auto()
    UNFINISHED = enum.auto()
    RARE_CLASS = enum.auto()
    UNEQUAL_TRAINING = enum.auto()
    SPLIT_RULE = enum.auto()
    SEEDS = enum.auto()
    UNEQUAL_PRECISION = enum.auto()
    OTHER_MACHINE = enum.auto()


@dataclass(frozen=True)
class Caution:
    """A reason to doubt, in words."""

    concern: Concern
    sentence: str


def cautions(
    best: ContestantResult,
    others: Sequence[ContestantResult],
    comparisons: Sequence[Comparison],
    data: DataReport | None = None,
    epochs: Mapping[str, Sequence[EpochLine]] | None = None,
    failed: Mapping[str, str] | None = None,
) -> list[Caution]:
    """Return what gives reason to doubt, the most important first; one on seeds, splits and data is always there.

    Args:
        best, others, comparisons: As for `sentences.sentences`.
        epochs: Evaluations during training by name.
        failed: Contestants without a result, and why.
    """
    results = [best, *others]
    by_concern: dict[Concern, list[str]] = {
        Concern.UNDECIDED: _undecided(best, comparisons),
        Concern.FEW_TEXTS: _few(best, alone=not others),
        Concern.FAILED: [_ranked_last(name, reason) for name, reason in (failed or {}).items()],
        Concern.UNFINISHED: _unfinished(results, epochs or {}),
        Concern.RARE_CLASS: _rare_classes(best),
        Concern.UNEQUAL_TRAINING: _passes(results),
        Concern.UNEQUAL_PRECISION: _precision(results),
        Concern.SEEDS: [_seeds(results)],
    }
    found = [Caution(concern, sentence) for concern, sentences in by_concern.items() for sentence in sentences]
    found += data_cautions(data, best.metrics[0].split) if data else []
    return sorted(found, key=lambda caution: caution.concern)


def data_cautions(data: DataReport, evaluated: str) -> list[Caution]:
    """Return what the data of a run give reason to doubt.

    Args:
        evaluated: The split that the contestants were evaluated on.
    """
    by_concern = {Concern.LEAK: _leaks(data), Concern.SPLIT_RULE: _split(data, evaluated)}
    return [Caution(concern, sentence) for concern, sentences in by_concern.items() for sentence in sentences]


def _leaks(data: DataReport) -> list[str]:
    if not (data.across_splits or data.near_across_splits):
        return []
    exact, near = data.across_splits, data.near_across_splits
    leaked = [f"{count(exact)} text{'s' * (exact != 1)}"] if exact else []
    leaked += [f"{count(near)} group{'s' * (near != 1)} of nearly identical texts"] if near else []
    part = "fold" if data.folds else "split"
    return [
        f"{listed(leaked)} {'is' if exact + near == 1 else 'are'} in more than one {part}: the metrics flatter "
        f"contestants that remember."
    ]


def _undecided(best: ContestantResult, comparisons: Sequence[Comparison]) -> list[str]:
    """Say how many texts it would take to tell the best from the next one, if their difference is what it seems.

    With several seeds that is left open: more texts narrow only a part of the interval.
    """
    first = next((comparison for comparison in comparisons if not comparison.distinguishable), None)
    if first is None:
        return []
    metric = best.metrics[0]
    evaluated = f"{documents(metric)} and {len(first.by_seed)} seeds" if first.by_seed else documents(metric)
    too_few = f"{evaluated} are too few to tell {first.better} from {first.worse}"
    if first.difference == 0:
        same = f"their {metric_name(metric.name)} on {documents(metric)} is the same"
        return [f"Nothing tells {first.better} from {first.worse}: {same}."]
    half = (first.high - first.low) / 2
    tests = sum((comparison.p_value or 0) >= (first.p_value or 0) for comparison in comparisons)  # that Holm counts
    needed = metric.documents * (_errors_wanted(tests, metric.confidence) * half / first.difference) ** 2
    if first.by_seed or needed <= metric.documents:  # the latter where a handful of texts differ alike
        return [f"{too_few}."]
    if needed > _MANY_TEXTS:
        return [f"{too_few}; if their difference is what it seems, it takes more than a million."]
    rounded = math.ceil(needed / (digit := 10 ** max(0, math.floor(math.log10(needed)) - 1))) * digit
    return [f"{too_few}; if their difference is what it seems, it takes about {count(int(rounded))}."]


def _errors_wanted(tests: int, confidence: float) -> float:
    """Return how large the difference must be in halves of its interval, if its p-value is multiplied by `tests`."""
    single = NormalDist().inv_cdf(0.5 + confidence / 2)
    corrected = -NormalDist().inv_cdf((1 - confidence) / 2 / tests)
    return (corrected + _POWER) / single


def _ranked_last(name: str, reason: str) -> str:
    return f"{name} is ranked last, without a result: {reason.removeprefix(f'{name}: ')}"


def _unfinished(results: Sequence[ContestantResult], epochs: Mapping[str, Sequence[EpochLine]]) -> list[str]:
    """Name contestants that the budget stopped while their validation loss was still falling."""
    falling = []
    for result in results:
        lines = epochs.get(result.name, [])
        if len(lines) < 2 or not lines[-1].best:
            continue
        before = min(line.validation_loss for line in lines[:-1])
        if lines[-1].validation_loss < (1 - _STILL_FALLING) * before:
            falling.append(result.name)
    if not falling:
        return []
    was, their = ("was", "its") if len(falling) == 1 else ("were", "their")
    return [
        f"{listed(falling)} {was} still improving when the budget ended: {their} last evaluation was the best. With "
        f"more training the order may change."
    ]


def _rare_classes(best: ContestantResult) -> list[str]:
    rare = sorted((score for score in best.classes if score.texts < _FEW_OF_A_CLASS), key=lambda score: score.texts)
    if not rare:
        return []
    first = rare[0]
    texts = f"{first.texts or 'no'} text{'s' * (first.texts != 1)}"
    others = len(rare) - 1
    more = f"; {count(others)} more {'have' if others > 1 else 'has'} fewer than {_FEW_OF_A_CLASS}" if others else ""
    of = f"with label '{first.label}'" if best.multilabel else f"of class '{first.label}'"
    are = "they are" if others else "it is"
    return [f"The {best.metrics[0].split} split has only {texts} {of}{more}: too few to say how well {are} recognized."]


def _seeds(results: Sequence[ContestantResult]) -> str:
    evaluated = documents(results[0].metrics[0])
    if results[0].metrics[0].folds:
        return _seeds_and_folds(results, evaluated)
    repeated: dict[tuple[int, ...], list[str]] = {}
    for result in results:
        if result.seeds:
            repeated.setdefault(tuple(result.seeds), []).append(result.name)
    if not repeated:
        seeds = sorted({str(result.seed) for result in results})
        return (
            f"Each contestant was trained once, with seed {listed(seeds)}: another seed, another split or other data "
            f"may change the result. The intervals cover only the choice of the {evaluated}."
        )
    (first, names), *more = repeated.items()
    trained = [f"{listed(names)} trained with {_range(first)}"]
    trained += [f"{listed(names)} with {_range(seeds)}" for seeds, names in more]
    once = [result.name for result in results if not result.seeds]
    trained += [f"{listed(once)} once"] if once else []
    return (
        f"{', '.join(trained)}: another split or other data may change the result. The intervals cover only the choice "
        f"of the {evaluated} and of the seeds."
    )


def _range(seeds: Sequence[int]) -> str:
    return f"{len(seeds)} seeds ({seeds[0]} to {seeds[-1]})"


def _seeds_and_folds(results: Sequence[ContestantResult], evaluated: str) -> str:
    seeds = max((result.seeds or [result.seed] for result in results), key=len)
    several = f" with each of {len(seeds)} seeds ({seeds[0]} to {seeds[-1]})" if len(seeds) > 1 else ""
    seed = "" if several else f", with seed {seeds[0]}: another seed or other data may change the result"
    return (
        f"Each contestant was trained once per fold{several}{seed}. The intervals cover the choice of the {evaluated}, "
        f"and are widened because the models of the folds were trained on overlapping texts."
    )


def _split(data: DataReport, evaluated: str) -> list[str]:
    """Say what a split by groups or by time measures."""
    rule = data.split_rule
    if isinstance(rule, TimeSplit):
        return [
            f"The {evaluated} texts are the latest ones (from {rule.first[evaluated]}, column '{rule.time}'): the "
            f"metrics say how well models of the texts until {rule.last['train']} do on later ones, and cannot be "
            f"compared with those of a random split."
        ]
    if isinstance(rule, GroupSplit):
        values = f"the {evaluated} texts have {count(rule.groups[evaluated])} values of it"
        apart = (
            f"No '{rule.group}' is in two folds: {values}, each tested by models that were not trained on it."
            if data.folds
            else f"No '{rule.group}' is in two splits: {values} that no contestant was trained on."
        )
        return [
            f"{apart} Texts of one '{rule.group}' resemble each other, so the intervals, "
            f"which resample single texts, may be too narrow."
        ]
    return []


def _few(best: ContestantResult, *, alone: bool) -> list[str]:
    metric = best.metrics[0]
    number, counted = metric.documents, get_metric(metric.name).counted
    if best.task == "classification":
        if number >= _FEW_TEXTS:
            return []
        measured = "subset accuracy" if best.multilabel else "accuracy"
        return [f"{count(number)} test texts are few: each one is worth {100 / number:.1f} points of {measured}."]
    if number >= _FEW_DOCUMENTS or alone:
        return []
    if number >= FEWEST_DOCUMENTS:
        held = f"{level(metric.confidence)} intervals from so few may hold the truth a little less often than that"
        return [f"{number} {counted}s are few: {held}."]
    if counted == "answer":
        return [f"{number} answer{'s' * (number != 1)} are too few for an interval that can be trusted."]
    return [
        f"With fewer than {FEWEST_DOCUMENTS} {counted}s, their pieces were resampled; pieces of one document resemble "
        f"each other, so the intervals are too narrow."
    ]


def _precision(results: Sequence[ContestantResult]) -> list[str]:
    half = [result.name for result in results if result.training.precision == "bf16"]
    full = [result.name for result in results if "bf16" not in result.training.precision]  # ensembles have several
    if not half or not full:
        return []
    return [
        f"The arithmetic differs: {listed(half)} computed in bf16, {listed(full)} in higher precision; a small "
        f"difference may come from that."
    ]


def _passes(results: Sequence[ContestantResult]) -> list[str]:
    """Say that contestants did not go over the training texts equally often, as under a limit of seconds.

    Their tokens cannot be compared: each one counts those of its own vocabulary, and a search those of all its trials.
    """
    trained = [result for result in results if result.training.epochs]
    trained.sort(key=lambda result: result.training.epochs)
    if not trained or trained[-1].training.epochs <= _SAME_PASSES * trained[0].training.epochs:
        return []
    often = [f"{result.name} {times(result.training.epochs)}" for result in (trained[-1], trained[0])]
    return [f"They did not go over the training texts equally often: {listed(often)}."]
