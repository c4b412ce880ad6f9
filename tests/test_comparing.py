"""What a comparison says of runs that were read from their folders."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bakeoff import comparing
from bakeoff.environment import current_environment
from bakeoff.errors import UserError
from bakeoff.evaluation.verdict import decide
from bakeoff.report.loaded import LoadedContestant, LoadedRun
from bakeoff.runs.data_report import DataReport, GroupSplit, SplitReport
from bakeoff.runs.results import ContestantResult, EpochLine, Verdict
from tests.evaluation.test_repeats import with_seeds
from tests.evaluation.test_verdict import DRAWS, classified, result

Trained = tuple[ContestantResult, list[pa.Table]]


def trained(name: str, right: int, **more: Any) -> Trained:
    """A contestant that gets the first `right` of 200 texts right."""
    return result(name, right / 200, documents=200, **more), [classified(np.arange(200) < right)]


class Run:
    """A run as its folder has it."""

    def __init__(
        self, name: str, *contestants: Trained, processor: str = "", failed: dict[str, str] | None = None, **data: Any
    ) -> None:
        self.path = Path("runs", name)
        self._scores = [scores for _, scores in contestants]
        splits = [SplitReport(name=split, rows=200, fingerprint=split) for split in ("train", "test")]
        results = [contestant for contestant, _ in contestants]
        self.loaded = LoadedRun(
            name,
            {
                "task": "classification",
                "data": {"table": "sentence-polarity"},
                "contestants": {each.name: {"method": each.method} for each in results},
                "evaluation": {key: value for key, value in DRAWS.items() if key != "seed"},
                "seed": 12,
            },
            DataReport(source="reviews.csv", fingerprint="", splits=splits, **data),
            current_environment().model_copy(update={"processor": processor}),
            decide(results, {each.name: tables for each, tables in contestants}, failed=failed, **DRAWS),
            [LoadedContestant(each, [], [], []) for each in results],
        )

    def evaluated(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(repeats=lambda tables=tables: list(map(_scored, tables))) for tables in self._scores]


def _scored(table: pa.Table) -> SimpleNamespace:
    return SimpleNamespace(scores=lambda: table)


@pytest.fixture
def compare(monkeypatch):
    def compared(*runs: Run) -> Verdict:
        by_path = {run.path: run for run in runs}
        monkeypatch.setattr(comparing, "RunFolder", by_path.__getitem__)
        monkeypatch.setattr(comparing, "load_run", lambda run: run.loaded)
        return comparing.compare([run.path for run in runs]).verdict

    return compared


LEAK = "25 texts are in more than one split: the metrics flatter contestants that remember."


@pytest.mark.parametrize("first", ["clean", "leaky"])
def test_a_leak_in_one_of_the_runs_is_said_in_any_order(compare, first):
    runs = [Run("clean", trained("linear", 150)), Run("leaky", trained("lstm", 190), across_splits=25)]

    verdict = compare(*sorted(runs, key=lambda run: run.path.name != first))

    assert verdict.summary[-1] == f"Caution: In leaky: {LEAK}"
    assert sum(LEAK in sentence for sentence in verdict.sentences) == 1


def test_a_leak_in_all_runs_is_said_once(compare):
    verdict = compare(*(Run(name, trained("linear", 150), across_splits=25) for name in "ab"))

    assert verdict.summary[-1] == f"Caution: {LEAK}"
    assert sum(LEAK in sentence for sentence in verdict.sentences) == 1


def test_a_split_by_groups_is_said_of_the_run_that_has_it(compare):
    groups = GroupSplit(group="author", groups={"train": 40, "test": 12})

    verdict = compare(Run("random", trained("linear", 150)), Run("grouped", trained("lstm", 190), split_rule=groups))

    assert "In grouped: No 'author' is in two splits" in " ".join(verdict.sentences)


def repeated(name: str, *rights: int) -> Trained:
    return with_seeds(name, [np.arange(200) < right for right in rights])


@pytest.mark.parametrize("order", [1, -1])
def test_one_seed_is_not_compared_with_the_mean_of_several(compare, order):
    """The interval would leave out what the one seed contributes."""
    runs = [Run("once", trained("lstm", 150)), Run("often", repeated("lstm", 170, 160, 180))]

    with pytest.raises(UserError, match="once was trained with one seed, often with 3"):
        compare(*runs[::order])


def test_a_contestant_that_ignores_the_seed_is_compared_with_the_mean_of_several(compare):
    verdict = compare(Run("once", trained("linear", 150)), Run("often", repeated("lstm", 170, 160, 180)))

    assert verdict.comparisons[0].by_seed == pytest.approx([0.1, 0.05, 0.15])


def test_an_ensemble_ignores_the_seed_if_all_of_its_members_do(compare):
    members = [trained(name, right, method="linear") for name, right in (("a", 140), ("b", 145))]
    ensemble = trained("both", 150, method="ensemble")
    run = Run("once", *members, ensemble)
    run.loaded.config["contestants"]["both"]["members"] = ["a", "b"]

    assert compare(run, Run("often", repeated("lstm", 170, 160, 180))).best == "often"


def test_three_seeds_are_not_compared_with_two(compare):
    with pytest.raises(UserError, match="a was trained with 2 seeds, b with 3"):
        compare(Run("a", repeated("lstm", 150, 160)), Run("b", repeated("lstm", 170, 160, 180)))


def test_any_number_of_seeds_is_compared_with_a_contestant_that_ignores_them(compare):
    runs = [
        Run("linear", trained("linear", 190)),
        Run("one", trained("lstm", 120)),
        Run("two", repeated("lstm", 150, 160)),
        Run("three", repeated("lstm", 170, 160, 180)),
    ]

    verdict = compare(*runs)

    assert [len(comparison.by_seed) for comparison in verdict.comparisons] == [3, 2, 0]
    assert [rank.name for rank in verdict.ranks] == ["linear", "three", "two", "one"]
    said = " ".join(verdict.sentences)
    assert "three trained with 3 seeds (12 to 14), two with 2 seeds (12 to 13), linear and one once" in said
    assert "one was trained with one seed: its intervals do not cover the choice of it." in said


def test_intervals_of_two_levels_are_not_put_into_one_table(compare):
    other = trained("lstm", 190)
    other[0].metrics[0].confidence = 0.9

    with pytest.raises(UserError, match="level of intervals: a has 95%, b has 90%"):
        compare(Run("a", trained("linear", 150)), Run("b", other))


def test_an_error_of_the_computation_is_no_message_for_users(compare, monkeypatch):
    def broken(*_: object, **__: object) -> Verdict:
        raise ValueError("operands could not be broadcast together")

    runs = [Run(name, trained("linear", 150)) for name in "ab"]
    monkeypatch.setattr(comparing, "decide", broken)

    with pytest.raises(ValueError, match="broadcast"):
        compare(*runs)


def test_a_contestant_that_failed_is_named_with_its_reason(compare):
    failed = {"lstm": "lstm: its loss became infinite."}

    verdict = compare(Run("monday", trained("linear", 150), failed=failed), Run("tuesday", trained("linear", 190)))

    assert verdict.failed == {"monday/lstm": "its loss became infinite."}
    assert "monday/lstm is ranked last, without a result: its loss became infinite." in " ".join(verdict.sentences)
    assert [comparison.worse for comparison in verdict.comparisons] == ["monday/linear"]


def line(seconds: float) -> EpochLine:
    return EpochLine(epoch=1, step=1, validation_loss=0.5, seconds=seconds, best=True)


@pytest.mark.parametrize("same", [True, False])
def test_nothing_is_concluded_from_times_on_different_machines(compare, same):
    runs = [
        Run("slow", trained("lstm", 160, seconds=100)),
        Run("quick", trained("gru", 159, seconds=1), processor="" if same else "another"),
    ]
    for run in runs:
        run.loaded.contestants[0].epochs.append(line(run.loaded.results[0].training.seconds))

    verdict = compare(*runs)

    said = " ".join(verdict.sentences)
    assert verdict.recommended == ("quick" if same else "slow")
    assert (verdict.time_limit is not None) == same
    assert ("quick trained for 1.0 s" in said) == same
    assert ("times on different machines do not tell which is cheaper" in verdict.summary[1]) != same
    assert ("Times do not count" in verdict.rule) != same
    assert ("quick has 10 trainable parameters (against 10) and takes 100 B on disk" in said) != same


def test_money_counts_on_different_machines_too(compare):
    usage = {"requests": 200, "input_tokens": 1, "output_tokens": 1, "money": 0.84}
    asked = Run("asked", trained("prompt", 160, usage=usage), processor="another")

    verdict = compare(asked, Run("own", trained("linear", 159)))

    assert verdict.recommended == "own"
    assert "it costs nothing where asked costs $0.84" in verdict.summary[1]
