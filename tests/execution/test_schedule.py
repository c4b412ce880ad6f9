"""Which training comes next, and what happens to those whose process dies. No process is started."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakeoff.config.load import load_config
from bakeoff.errors import DamagedError, UserError
from bakeoff.execution.messages import with_place
from bakeoff.execution.processes import _part, threads_for_each
from bakeoff.execution.schedule import MOST_LOSSES, Ended, Executor, Job, LostError, carry_out
from bakeoff.runs.folder import RunFolder
from bakeoff.training.progress import Progress
from bakeoff.trainings import describe, list_trainings


class Imagined(Executor):
    """Ends one training at a time, that which started first, as `ends` says."""

    def __init__(self, room: int, ends: dict[int, list[Ended | Exception]] | None = None) -> None:
        self.room, self.ends = room, ends or {}
        self.running: list[Job] = []
        self.started: list[int] = []
        self.beside: list[set[int]] = []
        self.stopped = False

    def has_room(self) -> bool:
        return len(self.running) < self.room

    def start(self, job: Job, progress: Progress) -> None:
        self.running.append(job)
        self.started.append(job.number)
        self.beside.append({each.number for each in self.running})

    def wait(self) -> Iterator[tuple[Job, Ended | Exception]]:
        job = self.running.pop(0)
        ends = self.ends.get(job.number, [])
        yield job, ends.pop(0) if ends else Ended(failure=f"{job.label} diverged.")

    def stop(self) -> None:
        self.stopped = True

    def close(self) -> None:
        pass


class Told(Progress):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


def job(number: int, *needs: int, **more: object) -> Job:
    return Job(number, f"training {number}", frozenset(needs), **more)  # type: ignore[arg-type]


def test_a_training_starts_when_those_that_it_needs_have_ended() -> None:
    executor = Imagined(room=2)

    carry_out([job(1), job(2, 1), job(3), job(4, 2, 3)], executor, Progress())

    assert executor.started == [1, 3, 2, 4]
    assert max(map(len, executor.beside)) == 2
    assert not any({1, 2} <= beside or {4, 2} <= beside or {4, 3} <= beside for beside in executor.beside)


@pytest.mark.parametrize(("side_by_side", "started"), [(True, [2, 1, 3]), (False, [1, 2, 3])])
def test_the_longest_start_first_if_they_were_planned(
    side_by_side: bool, started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other, they keep their order, in which other processes of torchrun follow."""
    monkeypatch.setattr(Imagined, "side_by_side", side_by_side)
    executor = Imagined(room=1)

    carry_out([job(1, seconds=1.0), job(2, seconds=5.0), job(3, 1, seconds=9.0)], executor, Progress())

    assert executor.started == started


def test_what_ended_in_an_earlier_session_is_not_trained_again() -> None:
    executor = Imagined(room=1)

    carry_out([job(1, ended=Ended()), job(2, 1)], executor, Progress())

    assert executor.started == [2]


def test_a_training_whose_process_dies_goes_on_in_another_one() -> None:
    executor, told = Imagined(room=1, ends={1: [LostError("Its machine burned.")]}), Told()

    carry_out([job(1), job(2)], executor, told)

    assert executor.started == [1, 1, 2]
    assert told.messages[0] == "Its machine burned. The training goes on from its last checkpoint."


def test_a_process_that_dies_again_and_again_is_given_up() -> None:
    executor = Imagined(room=2, ends={1: [LostError("It was killed.")] * (MOST_LOSSES + 1)})

    with pytest.raises(UserError, match=r"training 1 was given up, because its process died 4 times. It was killed"):
        carry_out([job(1)], executor, Progress())

    assert executor.stopped


def test_the_others_are_stopped_when_one_cannot_go_on() -> None:
    executor = Imagined(room=2, ends={1: [UserError("The disk is full")]})

    with pytest.raises(UserError, match="The disk is full"):
        carry_out([job(1), job(2)], executor, Progress())

    assert executor.stopped


def test_what_needs_what_in_a_bake_off_with_seeds_folds_and_an_ensemble(tmp_path: Path) -> None:
    config = load_config(
        {
            "task": "classification",
            "repeats": 2,
            "data": {"table": "sentence-polarity", "rows": 100, "split": {"folds": 2}},
            "contestants": {"linear": {}, "lstm": {}, "both": {"method": "ensemble", "members": ["linear", "lstm"]}},
        }
    )
    contestants = list_trainings(RunFolder(tmp_path), config)
    jobs = [describe(config, contestants, number, None) for number in range(1, len(contestants) + 1)]
    labels = {each.number: each.label for each in jobs}
    needs = {each.label: {labels[number] for number in each.needs} for each in jobs}

    assert needs["lstm, seed 13, fold 2 of 2"] == set()
    assert needs["lstm, seed 13, all rows"] == {"lstm, seed 13, fold 1 of 2", "lstm, seed 13, fold 2 of 2"}
    # linear does not depend on the seed, and is trained with the first one only
    assert needs["both, seed 13, fold 1 of 2"] == {"linear, seed 12, fold 1 of 2", "lstm, seed 13, fold 1 of 2"}
    assert needs["both, seed 13, all rows"] == {
        *("linear, seed 12, all rows", "lstm, seed 13, all rows"),
        *("both, seed 13, fold 1 of 2", "both, seed 13, fold 2 of 2"),
    }
    assert [each.uses_gpu for each in jobs[:4]] == [False, False, False, True]


def test_a_trial_needs_the_rounds_before_it_and_a_search_all_of_its_trials(tmp_path: Path) -> None:
    tune = {"trials": 5, "at_once": 2, "settings": ["max_ngram"]}
    config = load_config(
        {
            "task": "classification",
            "data": {"table": "sentence-polarity"},
            "contestants": {
                "linear": {"tune": tune},
                "majority": {},
                "both": {"method": "ensemble", "members": ["linear", "majority"]},
            },
        }
    )
    contestants = list_trainings(RunFolder(tmp_path), config)
    jobs = [describe(config, contestants, number, None) for number in range(1, len(contestants) + 1)]

    assert [each.label for each in jobs] == [
        *(f"linear, trial {number}" for number in range(1, 6)),
        "linear",
        "majority",
        "both",
    ]
    assert [set(each.needs) for each in jobs[:6]] == [set(), set(), {1, 2}, {1, 2}, {1, 2, 3, 4}, {1, 2, 3, 4, 5}]
    assert {6, 7} <= jobs[7].needs


def test_cores_are_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [_part([2, 3, 4, 5, 6], number, 2) for number in range(2)] == [[2, 3], [4, 5]]
    assert [_part([0, 1], number, 3) for number in range(3)] == [[0], [1], [0]]
    assert [_part([], number, 3) for number in range(3)] == [[], [], []]
    assert (threads_for_each(5, 2), threads_for_each(2, 3)) == (2, 1)

    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads_for_each(16, 2) == 3


def test_errors_travel_between_processes() -> None:
    for error in (UserError("What", "How"), DamagedError(Path("a"), "is damaged")):
        error.add_note("where")
        arrived = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert (type(arrived), str(arrived), arrived.__notes__) == (type(error), str(error), ["where"])


def test_a_run_waits_for_the_workers_of_one_that_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunFolder(tmp_path / "run")
    monkeypatch.setattr("bakeoff.runs.folder.ORPHAN_SECONDS", 0.0)

    with run.contestant("lstm").fold(2).locked(0.0):
        with pytest.raises(UserError, match="Another process is working"), run.locked():
            pass
        with pytest.raises(UserError, match=r"working in .*fold-2"), run.contestant("lstm").fold(2).locked(0.0):
            pass

    with run.locked():
        pass


class AskingTwoThingsError(Exception):
    """Cannot be made again from its message, like errors of many libraries."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(f"{text} ({code})")


class HoldingAFunctionError(Exception):
    """Cannot be pickled."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.retry = lambda: None


@pytest.mark.parametrize("error", [AskingTwoThingsError("the model is gone", 3), HoldingAFunctionError("it is gone")])
def test_an_error_that_would_not_arrive_in_another_process_is_told_there(error: Exception) -> None:
    try:
        raise error
    except Exception as caught:
        sent = with_place(caught)

    arrived = pickle.loads(pickle.dumps(sent))  # noqa: S301

    assert isinstance(arrived, RuntimeError)
    assert f"{type(error).__name__}: {error}" in str(arrived)
    assert "raise error" in str(arrived)


@pytest.mark.parametrize("error", [ValueError("no"), UserError("no", "Say yes.")])
def test_other_errors_arrive_with_their_place(error: Exception) -> None:
    arrived = pickle.loads(pickle.dumps(with_place(error)))  # noqa: S301

    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert str(error) in arrived.__notes__[0]
