"""Send losses, accuracies and learning rates to TensorBoard, MLflow or Weights & Biases, in addition to metrics.jsonl.

A tracker listens to the progress of the training loop. Under torchrun only the main process has one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from bakeoff.packages import require
from bakeoff.runs.results import EpochLine, StepLine
from bakeoff.sections import Tracker
from bakeoff.training.progress import ForwardingProgress, Progress

Log = Callable[[dict[str, float], int], None]
"""A function that logs values by name for an optimizer step."""


def must_be_installed(tracker: Tracker) -> None:
    """Check that the package of a tracker, which has the tracker's name, is installed.

    Raises:
        UserError: it is missing.
    """
    if tracker != "none":
        require(tracker, f"tracker: {tracker}", "Or run without it: --set tracker=none")


@contextlib.contextmanager
def tracked(tracker: Tracker, progress: Progress, *, run: str, training: str, folder: Path) -> Iterator[Progress]:
    """Yield a `progress` for one training that also sends its metrics to the tracker.

    Args:
        run: Name of the bake-off, used as the name of the experiment or project.
        training: Name of the contestant, with its seed where there are several.
        folder: Folder for files of the tracker, if it writes any.
    """
    if tracker == "none":
        yield progress
        return
    with _TRACKERS[tracker](run, training, folder) as log:
        yield _Tracking(progress, log)


class _Tracking(ForwardingProgress):
    """A progress that passes everything on, and also logs metrics to a tracker."""

    def __init__(self, progress: Progress, log: Log) -> None:
        super().__init__(progress)
        self._log = log

    def step(self, line: StepLine, share: float) -> None:
        super().step(line, share)
        values = {
            "loss": line.loss,
            "learning_rate": line.learning_rate,
            "tokens": line.tokens,
            "seconds": line.seconds,
        }
        self._log({f"train/{name}": value for name, value in values.items()}, line.step)

    def epoch(self, line: EpochLine) -> None:
        super().epoch(line)
        values = {"loss": line.validation_loss, "accuracy": line.validation_accuracy}
        self._log({f"validation/{name}": value for name, value in values.items() if value is not None}, line.step)


@contextlib.contextmanager
def _tensorboard(run: str, training: str, folder: Path) -> Iterator[Log]:
    """Write event files into the run folder. Steps logged after the checkpoint of a resumed run are purged."""
    from torch.utils.tensorboard import SummaryWriter

    writers: list[SummaryWriter] = []

    def log(values: dict[str, float], step: int) -> None:
        if not writers:  # the first step shows where the training resumes
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
    """Log a run to the experiment named like the bake-off, at MLFLOW_TRACKING_URI."""
    import mlflow

    mlflow.set_experiment(run)
    with mlflow.start_run(run_name=training):
        yield lambda values, step: mlflow.log_metrics(values, step=step)


@contextlib.contextmanager
def _wandb(run: str, training: str, folder: Path) -> Iterator[Log]:
    """Log a run to the project named like the bake-off; WANDB_MODE=offline keeps it in the run folder."""
    import wandb

    folder.mkdir(parents=True, exist_ok=True)
    with wandb.init(project=run, name=training, dir=str(folder)) as session:
        yield lambda values, step: session.log(values, step=step)


_TRACKERS = {"tensorboard": _tensorboard, "mlflow": _mlflow, "wandb": _wandb}
