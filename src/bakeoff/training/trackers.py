"""Losses, accuracies and learning rates for TensorBoard, MLflow or Weights & Biases, beside metrics.jsonl.

A tracker listens to the progress of the one training loop, so nothing else knows of it. Under torchrun only the first
process has one.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

from bakeoff.errors import UserError
from bakeoff.runs.results import EpochLine, StepLine
from bakeoff.sections import Tracker
from bakeoff.training.progress import Progress

Log = Callable[[dict[str, float], int], None]
"""Takes values by name, and the optimizer step that they belong to."""


def must_be_installed(tracker: Tracker) -> None:
    """Raises UserError where the package of a tracker, which has the tracker's name, is missing."""
    if tracker != "none" and importlib.util.find_spec(tracker) is None:
        raise UserError(
            f"tracker: {tracker} needs the package {tracker}, which is not installed.",
            f"Type: pip install {tracker}. Or leave it out: --set tracker=none",
        )


@contextlib.contextmanager
def tracked(tracker: Tracker, progress: Progress, *, run: str, training: str, folder: Path) -> Iterator[Progress]:
    """`progress` of one training, whose metrics the tracker gets as well.

    Args:
        run: Name of the bake-off, and of the experiment or project.
        training: Name of the contestant, with its seed where there are several.
        folder: For the tracker's files, if it writes any into the run folder.
    """
    if tracker == "none":
        yield progress
        return
    with _TRACKERS[tracker](run, training, folder) as log:
        yield _Tracking(progress, log)


class _Tracking(Progress):
    """Passes the news of a training on, and its metrics to a tracker, too."""

    def __init__(self, progress: Progress, log: Log) -> None:
        self._progress = progress
        self._log = log

    def message(self, text: str) -> None:
        self._progress.message(text)

    def stage(self, text: str, share: float | None = None) -> None:
        self._progress.stage(text, share)

    def step(self, line: StepLine, share: float) -> None:
        self._progress.step(line, share)
        values = {
            "loss": line.loss,
            "learning_rate": line.learning_rate,
            "tokens": line.tokens,
            "seconds": line.seconds,
        }
        self._log({f"train/{name}": value for name, value in values.items()}, line.step)

    def epoch(self, line: EpochLine) -> None:
        self._progress.epoch(line)
        values = {"loss": line.validation_loss, "accuracy": line.validation_accuracy}
        self._log({f"validation/{name}": value for name, value in values.items() if value is not None}, line.step)


@contextlib.contextmanager
def _tensorboard(run: str, training: str, folder: Path) -> Iterator[Log]:
    """Event files in the run folder. What was logged after the checkpoint from which a run goes on is purged."""
    from torch.utils.tensorboard import SummaryWriter

    writers: list[SummaryWriter] = []

    def log(values: dict[str, float], step: int) -> None:
        if not writers:  # the first step tells where the training goes on
            writers.append(SummaryWriter(str(folder), purge_step=step))
        for name, value in values.items():
            writers[0].add_scalar(name, value, step)

    try:
        yield log
    finally:
        for writer in writers:
            writer.close()


@contextlib.contextmanager
def _mlflow(run: str, training: str, folder: Path) -> Iterator[Log]:
    """A run in the experiment of the bake-off's name, wherever MLFLOW_TRACKING_URI points to."""
    import mlflow

    mlflow.set_experiment(run)
    with mlflow.start_run(run_name=training):
        yield lambda values, step: mlflow.log_metrics(values, step=step)


@contextlib.contextmanager
def _wandb(run: str, training: str, folder: Path) -> Iterator[Log]:
    """A run in the project of the bake-off's name; WANDB_MODE=offline keeps it in the run folder."""
    import wandb

    folder.mkdir(parents=True, exist_ok=True)
    with wandb.init(project=run, name=training, dir=str(folder)) as session:
        yield lambda values, step: session.log(values, step=step)


_TRACKERS = {"tensorboard": _tensorboard, "mlflow": _mlflow, "wandb": _wandb}
