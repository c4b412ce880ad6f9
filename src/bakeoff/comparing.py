"""Compare contestants of several finished runs that were evaluated on the same documents in the same way."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from bakeoff.config.load import load_config
from bakeoff.config.repeats import uses_seed
from bakeoff.environment import current_environment
from bakeoff.errors import UserError
from bakeoff.evaluation.config import NEED_ORDER, ClassificationEvaluationConfig
from bakeoff.evaluation.limits import Caution, Concern, data_cautions
from bakeoff.evaluation.metrics import metric_name
from bakeoff.evaluation.pairing import IncomparableError
from bakeoff.evaluation.stakes import resolve
from bakeoff.evaluation.verdict import decide, ranking, scores_needed
from bakeoff.evaluation.wording import count, level, listed
from bakeoff.report.loaded import LoadedContestant, LoadedRun, load_run
from bakeoff.runs.data_report import SplitReport
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.results import ContestantResult, Environment


def compare(paths: Sequence[str | Path]) -> LoadedRun:
    """Combine several runs into one: their contestants, named RUN/CONTESTANT, and a verdict over all of them.

    A contestant that is alone in its run gets the run's name; the verdict names those without a result. Resamples
    are those of the first run.

    Raises:
        UserError: fewer than two runs, a run that is not finished, or runs that were evaluated on different documents
            or in different ways; every difference is named.
    """
    folders = list({Path(path).resolve(): RunFolder(path) for path in paths}.values())  # each run once
    if len(folders) < 2:
        raise UserError("There is nothing to compare: give two or more runs.", "bakeoff compare runs/a runs/b")
    runs = [load_run(folder) for folder in folders]
    names = _names([folder.path for folder in folders])
    problems = [
        problem
        for name, run in zip(names[1:], runs[1:], strict=True)
        for problem in _differences(names[0], runs[0], name, run)
    ]
    if problems:
        raise UserError(
            "These runs were not evaluated in the same way:\n" + "\n".join(f"  - {problem}" for problem in problems),
            "Use the same data, split, seed and protocols. Rows are known by their id column, or by number.",
        )
    contestants: list[LoadedContestant] = []
    scores: dict[str, list[pa.Table]] = {}
    several = any(result.seeds for run in runs for result in run.results)
    lone: set[str] = set()  # contestants that depend on the seed and have one, where others have several
    failed: dict[str, str] = {}
    for folder, run, name in zip(folders, runs, names, strict=True):
        alone = len(run.contestants) + len(run.verdict.failed) == 1
        for home, contestant in zip(folder.evaluated(), run.contestants, strict=True):
            label = name if alone else f"{name}/{contestant.name}"
            contestants.append(replace(contestant, result=contestant.result.model_copy(update={"name": label})))
            deciding = contestant.result.metrics[0]
            scores[label] = [scores_needed(repeat.scores(), deciding) for repeat in home.repeats()]
            if several and not contestant.result.seeds and _uses_seed(run, contestant.name):
                lone.add(label)
        failed |= {f"{name}/{each}": reason.removeprefix(f"{each}: ") for each, reason in run.verdict.failed.items()}
    results = [contestant.result for contestant in contestants]
    _refuse_unequal_seeds(results, lone)
    evaluation = runs[0].config["evaluation"]
    try:
        verdict = decide(
            results,
            scores,
            confidence=evaluation["confidence"],
            resamples=evaluation["resamples"],
            seed=runs[0].config["seed"],
            epochs={contestant.name: contestant.epochs for contestant in contestants},
            samples={contestant.name: contestant.samples for contestant in contestants},
            failed=failed,
            circumstances=[*_circumstances(names, runs), *_lone_seeds(sorted(lone))],
        )
    except IncomparableError as error:  # the same documents, but other tokens
        raise UserError(
            f"These runs cannot be compared: {error}.",
            "Perplexities compare between models with the same tokenizer.",
        ) from None
    return replace(
        runs[0],
        name=" and ".join(names),
        environment=current_environment(),
        verdict=verdict,
        contestants=contestants,
    )


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the folders' own names, or the paths as typed where two have the same name."""
    names = [path.resolve().name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def _differences(first_name: str, first: LoadedRun, name: str, run: LoadedRun) -> list[str]:
    """Return every difference that rules out a comparison of `run` with `first`."""
    a, b = first.results[0].metrics[0], run.results[0].metrics[0]
    pairs = [
        ("task", first.config["task"], run.config["task"]),
        ("primary metric", metric_name(a.name), metric_name(b.name)),
        ("protocol", f"{a.protocol}, version {a.protocol_version}", f"{b.protocol}, version {b.protocol_version}"),
        ("evaluated split", a.split, b.split),
        ("level of intervals", level(a.confidence), level(b.confidence)),
    ]
    found = [f"{what}: {first_name} has {ours}, {name} has {theirs}" for what, ours, theirs in pairs if ours != theirs]
    if not found and _fingerprint(first, a.split) != _fingerprint(run, b.split):
        ours, theirs = _described(first, a.split), _described(run, b.split)
        found.append(f"{a.split} documents: {first_name} has {ours}, {name} has {theirs}")
    if not found and (ours := _stakes(first, a.name)) != (theirs := _stakes(run, b.name)):
        what = "costs of mistakes" if a.name == "cost" else "order of the labels"
        found.append(f"{what}: {first_name} has {ours}, {name} has {theirs}")
    return found


def _stakes(run: LoadedRun, metric: str) -> str:
    """Return what a metric depends on besides its protocol: which label is costly, or how the labels are ordered."""
    if metric not in ("cost", *NEED_ORDER):
        return ""
    labels = sorted({label for split in run.data.splits for label in split.labels})
    stakes = resolve(ClassificationEvaluationConfig.model_validate(run.config["evaluation"]), labels)
    if metric == "cost":
        assert stakes.costs is not None  # else it could not decide; the same for the ranks
        return ", ".join(f"{max(costs):g} for {label}" for label, costs in zip(labels, stakes.costs, strict=True))
    assert stakes.ranks is not None
    return " < ".join(label for _, label in sorted(zip(stakes.ranks, labels, strict=True)))


def _split(run: LoadedRun, name: str) -> SplitReport | None:
    return next((split for split in run.data.splits if split.name == name), None)


def _fingerprint(run: LoadedRun, name: str) -> str:
    """Return the fingerprint of a split."""
    split = _split(run, name)
    return split.fingerprint if split and split.fingerprint else run.data.fingerprint


def _described(run: LoadedRun, name: str) -> str:
    """Return how many rows a split has, where they came from, and its fingerprint."""
    split = _split(run, name)
    rows = f"{count(split.rows)} of " if split else ""
    seed = "" if run.data.split_seed is None else f", split with seed {run.data.split_seed}"
    return f"{rows}{run.data.source}{seed} (fingerprint {_fingerprint(run, name)[:12]})"


def _circumstances(names: Sequence[str], runs: Sequence[LoadedRun]) -> list[Caution]:
    """Return what is to be said of the data of each run, and differences that do not rule out a comparison."""
    found = _data_cautions(names, runs)
    if len({_fingerprint(run, "train") for run in runs}) > 1:
        sentence = "were not trained on the same texts: differences are not due to the methods alone."
        found.append(Caution(Concern.OTHER_TRAINING_DATA, f"{listed(list(names))} {sentence}"))
    bf16 = any(result.training.precision == "bf16" for run in runs for result in run.results)
    if len({_machine(run.environment, bf16) for run in runs}) > 1:
        sentence = "ran on different machines or with different versions: their times and memory cannot be compared."
        found.append(Caution(Concern.OTHER_MACHINE, f"{listed(list(names))} {sentence}"))
    return found


def _uses_seed(run: LoadedRun, name: str) -> bool:
    try:
        return uses_seed(load_config(run.config), name)
    except UserError:  # a method of a package that is not installed here; most depend on the seed
        return True


def _refuse_unequal_seeds(results: Sequence[ContestantResult], lone: Set[str]) -> None:
    """Check that the best contestant and each other one were trained with as many seeds, where they depend on them.

    Seeds are paired. One that stands alone says nothing about how much the next one would differ, so that an interval
    over the several seeds of the other contestant would be too narrow.

    Args:
        lone: The contestants that depend on the seed and were trained with one.

    Raises:
        UserError: the numbers differ.
    """
    best, *others = ranking(results)
    for other in others:
        fewer, more = sorted((best, other), key=lambda result: len(result.seeds))
        if len(fewer.seeds) != len(more.seeds) and (fewer.seeds or fewer.name in lone):
            trained = f"{len(fewer.seeds)} seeds" if fewer.seeds else "one seed"
            raise UserError(
                f"These runs cannot be compared: {fewer.name} was trained with {trained}, {more.name} with "
                f"{len(more.seeds)}.",
                "Seeds are compared in pairs: train both contestants with the same number of `repeats`.",
            )


def _lone_seeds(names: Sequence[str]) -> list[Caution]:
    """Say which contestants that depend on the seed have one, where others have several."""
    if not names:
        return []
    was, their = ("was", "its") if len(names) == 1 else ("were", "their")
    sentence = f"{listed(list(names))} {was} trained with one seed: {their} intervals do not cover the choice of it."
    return [Caution(Concern.SEEDS, sentence)]


def _data_cautions(names: Sequence[str], runs: Sequence[LoadedRun]) -> list[Caution]:
    """Return what the data of the runs give reason to doubt, each with the names of its runs if it is not said of all.

    The first run's alone would be said or not by the order in which the runs are given: another one may have a leak.
    """
    said: dict[Caution, list[str]] = {}
    for name, run in zip(names, runs, strict=True):
        for caution in data_cautions(run.data, run.results[0].metrics[0].split):
            said.setdefault(caution, []).append(name)
    return [
        caution
        if len(concerned) == len(runs)
        else replace(caution, sentence=f"In {listed(concerned)}: {caution.sentence}")
        for caution, concerned in said.items()
    ]


def _machine(found: Environment, bf16: bool) -> tuple[object, ...]:
    kernels = found.compiled_kernels if bf16 else None
    return (found.processor, found.threads, found.accelerator, found.packages.get("torch"), found.bakeoff, kernels)
