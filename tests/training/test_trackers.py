"""Metrics sent to trackers, and read back from what their real packages store offline."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterable

import pytest

from bakeoff.errors import UserError
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.results import EpochLine, StepLine
from bakeoff.training import trackers
from bakeoff.training.progress import Progress
from tests.training.tracker_files import REAL, TrackedRun, offline, stored


def step(number: int, loss: float) -> StepLine:
    return StepLine(step=number, epoch=1, loss=loss, learning_rate=0.1, tokens=8 * number, seconds=0.5 * number)


def epoch(number: int, accuracy: float | None = 0.75) -> EpochLine:
    return EpochLine(epoch=1, step=number, validation_loss=0.4, validation_accuracy=accuracy, best=True)


@pytest.fixture(params=REAL)
def tracker(request, tmp_path, monkeypatch) -> str:
    offline(request.param, tmp_path, monkeypatch)
    return request.param


@pytest.fixture
def lstm(tmp_path) -> ContestantFolder:
    return ContestantFolder(tmp_path / "contestants" / "lstm")


def tracking(tracker: str, contestant: ContestantFolder, progress: Progress | None = None):
    return trackers.tracked(
        tracker, progress or Progress(), run="reviews", training="lstm, seed 13", contestant=contestant
    )


def train(progress: Progress, folder: ContestantFolder, steps: Iterable[int]) -> None:
    """Report steps and an evaluation, and write them into metrics.jsonl, as the training loop does."""
    for number in steps:
        folder.append_metrics(step(number, 1 / number))
        progress.step(step(number, 1 / number), 0.5)
    folder.append_metrics(epoch(number))
    progress.epoch(epoch(number))


def only(runs: list[TrackedRun]) -> TrackedRun:
    (run,) = runs
    return run


def test_what_was_logged_is_stored(tracker, lstm, tmp_path, capfd):
    with tracking(tracker, lstm) as progress:
        train(progress, lstm, range(1, 5))

    run = only(stored(tracker, tmp_path, "reviews"))
    assert run.name.startswith("contestants/lstm/tracking" if tracker == "tensorboard" else "lstm, seed 13")
    assert run.metrics["train/loss"] == [(n, pytest.approx(1 / n)) for n in range(1, 5)]
    assert run.metrics["train/learning_rate"] == [(n, pytest.approx(0.1)) for n in range(1, 5)]
    assert run.metrics["train/tokens"] == [(n, 8 * n) for n in range(1, 5)]
    assert run.metrics["validation/accuracy"] == [(4, 0.75)]
    assert run.metrics["validation/loss"] == [(4, pytest.approx(0.4))]
    assert run.state in ("", "0", "FINISHED")
    assert capfd.readouterr().out == ""  # which belongs to the results


def test_a_resumed_training_continues_its_run_and_logs_no_step_twice(tracker, lstm, tmp_path):
    with contextlib.suppress(KeyboardInterrupt), tracking(tracker, lstm) as progress:
        train(progress, lstm, range(1, 5))
        size = lstm.metrics_size()  # at the checkpoint
        train(progress, lstm, range(5, 9))
        raise KeyboardInterrupt
    assert only(stored(tracker, tmp_path, "reviews")).state in ("", "1", "KILLED")

    with tracking(tracker, lstm) as progress:
        lstm.cut_metrics(size)
        train(progress, lstm, range(5, 11))

    run = only(stored(tracker, tmp_path, "reviews"))
    assert run.steps("train/loss") == list(range(1, 11))
    assert run.steps("validation/loss") == ([4, 10] if tracker == "tensorboard" else [4, 8, 10])
    assert run.state in ("", "0", "FINISHED")


def test_the_trials_of_a_search_have_runs_of_their_own(tracker, lstm, tmp_path):
    for _ in range(2):  # the second time, the search is resumed in its second trial
        with tracking(tracker, lstm) as progress:
            for number in (1, 2) if not lstm.trial(1).metrics_size() else (2,):
                progress.trial(number)
                train(progress, lstm.trial(number), range(1, 3))

    runs = stored(tracker, tmp_path, "reviews")
    assert len(runs) == 2
    assert all(f"trial{'-' if tracker == 'tensorboard' else ' '}{n}" in run.name for n, run in enumerate(runs, 1))
    assert [run.steps("train/loss") for run in runs] == [[1, 2], [1, 2]]


def test_what_trains_without_steps_starts_no_run(tracker, lstm, tmp_path):
    with tracking(tracker, lstm) as progress:
        progress.stage("fitting")

    assert not lstm.path.exists()


@pytest.mark.parametrize("tracker", ["mlflow", "wandb"], indirect=True)
def test_a_run_of_the_caller_goes_on(tracker, lstm, tmp_path):
    module = pytest.importorskip(tracker)
    (tmp_path / "own").mkdir()
    own = module.start_run() if tracker == "mlflow" else module.init(project="reviews", dir=str(tmp_path / "own"))

    with tracking(tracker, lstm) as progress:
        train(progress, lstm, [1])

    active = module.active_run() if tracker == "mlflow" else module.run
    assert active == own
    module.end_run() if tracker == "mlflow" else own.finish()
    loss = [run for run in stored(tracker, tmp_path, "reviews") if run.steps("train/loss")]
    assert only(loss).name == "lstm, seed 13"


class Recorder(Progress):
    def __init__(self) -> None:
        self.events: list[object] = []

    def message(self, text: str) -> None:
        self.events.append(text)

    def trial(self, number: int) -> None:
        self.events.append(number)

    def stage(self, text: str, share: float | None = None) -> None:
        self.events.append((text, share))

    def step(self, line: StepLine, share: float) -> None:
        self.events.append((line, share))

    def epoch(self, line: EpochLine) -> None:
        self.events.append(line)


def test_all_progress_is_passed_on(lstm):
    recorder = Recorder()
    with tracking("tensorboard", lstm, recorder) as progress:
        progress.message("hello")
        progress.trial(3)
        progress.stage("training", 0.5)
        progress.step(step(1, 0.5), 0.25)
        progress.epoch(epoch(1))

    assert recorder.events == ["hello", 3, ("training", 0.5), (step(1, 0.5), 0.25), epoch(1)]


def test_without_a_tracker_the_progress_is_unchanged(lstm):
    recorder = Recorder()
    with tracking("none", lstm, recorder) as progress:
        assert progress is recorder
    assert not lstm.path.exists()


def test_a_tracker_that_does_not_start_is_explained(lstm, tmp_path, monkeypatch):
    offline("mlflow", tmp_path, monkeypatch)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "false")

    said = r"(?s)tracker: mlflow does not start: The filesystem .*--set tracker=none"
    with pytest.raises(UserError, match=said):
        trackers.warm_up("mlflow", "reviews")
    with pytest.raises(UserError, match=said), tracking("mlflow", lstm) as progress:
        train(progress, lstm, [1])


def test_a_training_goes_on_with_another_tracker(lstm, tmp_path, monkeypatch):
    offline("mlflow", tmp_path, monkeypatch)
    trackers._own_id(lstm.tracking)  # of W&B or Trackio, which MLflow does not know

    with tracking("mlflow", lstm) as progress:
        train(progress, lstm, [1])

    assert only(stored("mlflow", tmp_path, "reviews")).steps("train/loss") == [1]


def test_a_training_goes_on_without_a_tracker_that_fails(lstm, tmp_path, monkeypatch):
    offline("mlflow", tmp_path, monkeypatch)
    recorder = Recorder()

    with tracking("mlflow", lstm, recorder) as progress:
        train(progress, lstm, [1])
        shutil.rmtree(tmp_path / "mlruns")
        train(progress, lstm, [2])

    (said,) = [event for event in recorder.events if isinstance(event, str)]
    assert said.startswith("lstm, seed 13 is not tracked any longer: mlflow fails: ")
    assert len(lstm.training_log()[0]) == 2


def test_the_project_of_wandb_has_no_forbidden_characters(lstm, tmp_path, monkeypatch):
    offline("wandb", tmp_path, monkeypatch)

    with trackers.tracked("wandb", Progress(), run="50% off?", training="lstm", contestant=lstm) as progress:
        train(progress, lstm, [1])

    assert only(stored("wandb", tmp_path, "50- off-")).steps("train/loss") == [1]


def test_a_missing_package_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)

    trackers.must_be_installed("none")
    with pytest.raises(
        UserError,
        match=r"tracker: mlflow needs mlflow, which is not installed\.\nInstall with: pip install 'bakeoff\[mlflow\]'",
    ):
        trackers.must_be_installed("mlflow")
