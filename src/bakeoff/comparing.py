"""Contestants of several finished runs under one judge, where all were evaluated on the same documents in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from bakeoff import machine
from bakeoff.errors import UserError
from bakeoff.evaluation.verdict import decide
from bakeoff.evaluation.wording import count, listed, metric_name
from bakeoff.report.loaded import LoadedContestant, LoadedRun, load_run
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.results import Environment, SplitReport


def compare(paths: Sequence[str | Path]) -> LoadedRun:
    """One bake-off made of several: their contestants by the names RUN/CONTESTANT, and a verdict over all of them.

    A contestant that is alone in its run has the run's name. Confidence and resamples are those of the first run.

    Raises:
        UserError: fewer than two runs, a run that is not finished, or runs that were evaluated on other documents or
            otherwise; every difference is named.
    """
    folders = [RunFolder(path) for path in paths]
    if len({folder.path.resolve() for folder in folders}) < 2:
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
            "These runs were not evaluated alike:\n" + "\n".join(f"  - {problem}" for problem in problems),
            "Judge them on the same data, split, seed and protocols. Rows are known by their id column, or by number.",
        )
    contestants: list[LoadedContestant] = []
    scores: dict[str, list[pa.Table]] = {}
    for folder, run, name in zip(folders, runs, names, strict=True):
        for home, contestant in zip(folder.contestants(), run.contestants, strict=True):
            label = name if len(run.contestants) == 1 else f"{name}/{contestant.name}"
            contestants.append(replace(contestant, result=contestant.result.model_copy(update={"name": label})))
            scores[label] = [repeat.scores() for repeat in home.repeats()]
    evaluation = runs[0].config["evaluation"]
    try:
        verdict = decide(
            [contestant.result for contestant in contestants],
            scores,
            confidence=evaluation["confidence"],
            resamples=evaluation["resamples"],
            seed=runs[0].config["seed"],
            epochs={contestant.name: contestant.epochs for contestant in contestants},
            samples={contestant.name: contestant.samples for contestant in contestants},
        )
    except ValueError as error:  # the same documents, cut into other tokens or trained with other seeds
        raise UserError(
            f"These runs cannot be compared: {error}.",
            "Perplexities compare between models of one tokenizer, means over seeds between equally many.",
        ) from None
    verdict.sentences += _circumstances(names, runs)
    return replace(
        runs[0],
        name=" and ".join(names),
        environment=machine.environment(),
        verdict=verdict,
        contestants=contestants,
    )


def _names(paths: Sequence[Path]) -> list[str]:
    """The folders' own names, or the paths as typed where two are called alike."""
    names = [path.resolve().name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def _differences(first_name: str, first: LoadedRun, name: str, run: LoadedRun) -> list[str]:
    """Everything that forbids to set `run` beside `first`."""
    a, b = first.results[0].metrics[0], run.results[0].metrics[0]
    pairs = [
        ("task", first.config["task"], run.config["task"]),
        ("deciding metric", metric_name(a.name), metric_name(b.name)),
        ("protocol", f"{a.protocol}, version {a.protocol_version}", f"{b.protocol}, version {b.protocol_version}"),
        ("evaluated side", a.split, b.split),
    ]
    found = [f"{what}: {first_name} has {ours}, {name} has {theirs}" for what, ours, theirs in pairs if ours != theirs]
    if not found and _fingerprint(first, a.split) != _fingerprint(run, b.split):
        ours, theirs = _described(first, a.split), _described(run, b.split)
        found.append(f"{a.split} documents: {first_name} has {ours}, {name} has {theirs}")
    return found


def _side(run: LoadedRun, name: str) -> SplitReport | None:
    return next((side for side in run.data.splits if side.name == name), None)


def _fingerprint(run: LoadedRun, name: str) -> str:
    """Of the side, or of all data where an earlier version wrote no other."""
    side = _side(run, name)
    return side.fingerprint if side and side.fingerprint else run.data.fingerprint


def _described(run: LoadedRun, name: str) -> str:
    side = _side(run, name)
    rows = f"{count(side.rows)} of " if side else ""
    seed = "" if run.data.split_seed is None else f", split with seed {run.data.split_seed}"
    return f"{rows}{run.data.source}{seed} (fingerprint {_fingerprint(run, name)[:12]})"


def _circumstances(names: Sequence[str], runs: Sequence[LoadedRun]) -> list[str]:
    """What else differs between the runs and does not forbid to compare."""
    words = []
    if len({_fingerprint(run, "train") for run in runs}) > 1:
        words.append(f"{listed(list(names))} did not learn from the same texts: differences are not of methods alone.")
    if len({_machine(run.environment) for run in runs}) > 1:
        words.append(
            f"{listed(list(names))} ran on different machines, or with different versions: their times and memory do "
            f"not compare."
        )
    return words


def _machine(environment: Environment) -> tuple[object, ...]:
    found = environment
    return (found.processor, found.threads, found.accelerator, found.packages.get("torch"), found.bakeoff)
