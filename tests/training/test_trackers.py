"""Metrics sent to trackers. TensorBoard reads its files back; MLflow and Weights & Biases are fakes."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bakeoff.errors import UserError
from bakeoff.runs.results import EpochLine, StepLine
from bakeoff.training import trackers
from bakeoff.training.progress import Progress


def step(number: int, loss: float) -> StepLine:
    return StepLine(step=number, epoch=1, loss=loss, learning_rate=0.1, tokens=8 * number, seconds=0.5 * number)


def epoch(number: int, accuracy: float | None = 0.75) -> EpochLine:
    return EpochLine(epoch=1, step=number, validation_loss=0.4, validation_accuracy=accuracy, best=True)


def train(tracker: str, folder: Path, steps: range, progress: Progress | None = None) -> None:
    with trackers.tracked(
        tracker, progress or Progress(), run="reviews", training="lstm, seed 13", folder=folder
    ) as tracked:
        for number in steps:
            tracked.step(step(number, 1 / number), 0.5)
        tracked.epoch(epoch(steps[-1]))


def scalars(folder: Path, name: str) -> list[tuple[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


def test_tensorboard_reads_what_was_logged(tmp_path):
    train("tensorboard", tmp_path, range(1, 5))

    assert scalars(tmp_path, "train/loss") == [(n, pytest.approx(1 / n)) for n in range(1, 5)]
    assert scalars(tmp_path, "train/learning_rate") == [(n, pytest.approx(0.1)) for n in range(1, 5)]
    assert scalars(tmp_path, "validation/accuracy") == [(4, 0.75)]


def test_a_resumed_training_logs_no_step_twice(tmp_path):
    train("tensorboard", tmp_path, range(1, 9))
    train("tensorboard", tmp_path, range(5, 11))  # from the checkpoint after step 4

    assert [number for number, _ in scalars(tmp_path, "train/loss")] == list(range(1, 11))
    assert [number for number, _ in scalars(tmp_path, "validation/loss")] == [10]


class Recorder(Progress):
    def __init__(self) -> None:
        self.events: list[object] = []

    def message(self, text: str) -> None:
        self.events.append(text)

    def stage(self, text: str, share: float | None = None) -> None:
        self.events.append((text, share))

    def step(self, line: StepLine, share: float) -> None:
        self.events.append((line, share))

    def epoch(self, line: EpochLine) -> None:
        self.events.append(line)


def test_all_progress_is_passed_on(tmp_path):
    recorder = Recorder()
    with trackers.tracked("tensorboard", recorder, run="r", training="t", folder=tmp_path) as progress:
        progress.message("hello")
        progress.stage("training", 0.5)
        progress.step(step(1, 0.5), 0.25)
        progress.epoch(epoch(1))

    assert recorder.events == ["hello", ("training", 0.5), (step(1, 0.5), 0.25), epoch(1)]


def test_without_a_tracker_the_progress_is_unchanged(tmp_path):
    recorder = Recorder()
    with trackers.tracked("none", recorder, run="r", training="t", folder=tmp_path / "t") as progress:
        assert progress is recorder
    assert not (tmp_path / "t").exists()


class Fake:
    """Records the calls to mlflow or wandb, which are not installed for the tests."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def __enter__(self) -> Fake:
        return self

    def __exit__(self, *_: object) -> None:
        self.calls.append(("end",))

    def set_experiment(self, name: str) -> None:
        self.calls.append(("experiment", name))

    def start_run(self, *, run_name: str) -> Fake:
        self.calls.append(("start", run_name))
        return self

    def log_metrics(self, values: dict[str, float], *, step: int) -> None:
        self.calls.append((sorted(values), step))

    def init(self, *, project: str, name: str, dir: str) -> Fake:
        self.calls += [("experiment", project), ("start", name)]
        assert Path(dir).is_dir()
        return self

    def log(self, values: dict[str, float], *, step: int) -> None:
        self.calls.append((sorted(values), step))


@pytest.mark.parametrize("tracker", ["mlflow", "wandb"])
def test_mlflow_and_wandb_are_called_alike(tracker, tmp_path, monkeypatch):
    fake = Fake()
    module = SimpleNamespace(
        **{name: getattr(fake, name) for name in ("set_experiment", "start_run", "log_metrics", "init")}
    )
    monkeypatch.setitem(sys.modules, tracker, module)

    train(tracker, tmp_path / "tracking", range(1, 3))

    metrics = ["train/learning_rate", "train/loss", "train/seconds", "train/tokens"]
    assert fake.calls == [
        ("experiment", "reviews"),
        ("start", "lstm, seed 13"),
        (metrics, 1),
        (metrics, 2),
        (["validation/accuracy", "validation/loss"], 2),
        ("end",),
    ]


def test_a_missing_package_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)

    trackers.must_be_installed("none")
    with pytest.raises(
        UserError,
        match=r"tracker: mlflow needs mlflow, which is not installed\.\nInstall with: pip install 'bakeoff\[mlflow\]'",
    ):
        trackers.must_be_installed("mlflow")
