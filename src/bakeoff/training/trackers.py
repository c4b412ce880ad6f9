"""Send losses, accuracies and learning rates to a tracker, in addition to metrics.jsonl.

A tracker listens to the progress of the training loop. Under torchrun only the main process has one.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

from bakeoff.errors import UserError
from bakeoff.packages import require
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.results import EpochLine, StepLine
from bakeoff.runs.writing import write_text
from bakeoff.sections import Tracker
from bakeoff.training.progress import ForwardingProgress, Progress

Log = Callable[[dict[str, float], int], object]
"""A function that logs values by name for an optimizer step."""

WITHOUT = "Or run without it: --set tracker=none"


def must_be_installed(tracker: Tracker) -> None:
    """Check that the package of a tracker, which has the tracker's name, is installed.

    Raises:
        UserError: it is missing.
    """
    if tracker != "none":
        require(tracker, f"tracker: {tracker}", WITHOUT)


def warm_up(tracker: Tracker, run: str) -> None:
    """Import a tracker's package and reach its server: later, this would count as the time of a contestant.

    Args:
        run: Name of the bake-off.

    Raises:
        UserError: it does not work.
    """
    if tracker != "none":
        with _starting(tracker):
            _WARM_UPS[tracker](run)


@contextlib.contextmanager
def tracked(
    tracker: Tracker, progress: Progress, *, run: str, training: str, contestant: ContestantFolder
) -> Iterator[Progress]:
    """Yield a `progress` for one training that also sends its metrics to the tracker.

    The tracker's run begins with the first step: what trains without steps has none. Each trial of a search has a run
    of its own. A resumed training continues its run.

    Args:
        run: Name of the bake-off, used as the name of the experiment or project.
        training: Name of the contestant, with its seed where there are several.
        contestant: Its folder, which has a place for files of the tracker.
    """
    if tracker == "none":
        yield progress
        return
    tracking = _Tracking(tracker, progress, run, training, contestant)
    with contextlib.ExitStack() as stack:
        stack.push(tracking.close)
        yield tracking


class _Tracking(ForwardingProgress):
    """A progress that passes everything on, and also logs metrics to a tracker."""

    def __init__(
        self, tracker: Tracker, progress: Progress, run: str, training: str, contestant: ContestantFolder
    ) -> None:
        super().__init__(progress)
        self._tracker, self._run, self._training, self._contestant = tracker, run, training, contestant
        self._session = contextlib.ExitStack()
        self._begin(training, contestant, contestant.tracking)

    def _begin(self, name: str, logged: ContestantFolder, files: Path) -> None:
        self._log: Log | None = None
        self._failed = False
        self._name, self._files = name, files
        # What was logged after the checkpoint of a resumed training is logged already.
        steps, epochs = logged.training_log() if self._tracker not in _REWRITE else ([], [])
        self._last_step = steps[-1].step if steps else 0
        self._last_epoch = epochs[-1].step if epochs else 0

    def close(self, *error: object) -> None:
        """End the tracker's run; `error` is what ended the training early, as of `__exit__`."""
        session, self._session = self._session, contextlib.ExitStack()
        with self._no_trouble():
            session.__exit__(*(error or (None, None, None)))  # type: ignore[arg-type]

    def trial(self, number: int) -> None:
        super().trial(number)
        self.close()
        folder = self._contestant.trial(number)
        self._begin(f"{self._training}, trial {number}", folder, folder.tracking)

    def step(self, line: StepLine, share: float) -> None:
        super().step(line, share)
        if line.step > self._last_step:
            values = {
                "loss": line.loss,
                "learning_rate": line.learning_rate,
                "tokens": line.tokens,
                "seconds": line.seconds,
            }
            self._send({f"train/{name}": value for name, value in values.items()}, line.step)

    def epoch(self, line: EpochLine) -> None:
        super().epoch(line)
        if line.step > self._last_epoch:
            values = {"loss": line.validation_loss, "accuracy": line.validation_accuracy}
            self._send({f"validation/{name}": value for name, value in values.items() if value is not None}, line.step)

    def _send(self, values: dict[str, float], step: int) -> None:
        if self._failed:
            return
        if self._log is None:
            with _starting(self._tracker):
                session = _TRACKERS[self._tracker](self._run, self._name, self._files)
                self._log = self._session.enter_context(session)
        with self._no_trouble():
            self._log(values, step)

    @contextlib.contextmanager
    def _no_trouble(self) -> Iterator[None]:
        """Let a training go on without a tracker that fails, such as one behind a broken connection."""
        try:
            with contextlib.redirect_stdout(sys.stderr):
                yield
        except Exception as error:
            self._failed = True
            self.message(f"{self._name} is not tracked any longer: {self._tracker} fails: {_said(error)}")


@contextlib.contextmanager
def _starting(tracker: Tracker) -> Iterator[None]:
    try:
        with contextlib.redirect_stdout(sys.stderr):  # standard output is for results
            yield
    except Exception as error:  # every tracker has its own
        raise UserError(f"tracker: {tracker} does not start: {_said(error)}", WITHOUT) from error


def _said(error: Exception) -> str:
    """Return the first line of an error."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def _own_id(folder: Path) -> str:
    """Return an id for a tracker's run, which a resumed training finds again."""
    file = folder / "run-id"
    if not file.exists():
        write_text(file, uuid.uuid4().hex)
    return file.read_text(encoding="ascii")


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
    from mlflow.entities import Metric

    client, experiment = mlflow.MlflowClient(), _mlflow_experiment(run)
    file = folder / "mlflow-run-id"  # not `_own_id`: MLflow makes its ids itself, and knows no others
    earlier = file.read_text(encoding="ascii") if file.exists() else None
    # Whoever calls `bakeoff.run` may have a run of their own: this one is nested, and their experiment stays theirs.
    with mlflow.start_run(run_id=earlier, experiment_id=experiment, run_name=training, nested=True) as session:
        own_id = session.info.run_id
        write_text(file, own_id)
        waiting: list[Metric] = []
        sent = time.monotonic()

        def send() -> None:
            nonlocal sent
            client.log_batch(own_id, waiting)
            waiting.clear()
            sent = time.monotonic()

        def log(values: dict[str, float], step: int) -> None:
            now = int(time.time() * 1000)
            waiting.extend(Metric(name, value, now, step) for name, value in values.items())
            if time.monotonic() - sent >= 1:  # a database takes longer than many a step
                send()

        try:
            try:
                yield log
            finally:
                send()
        except KeyboardInterrupt:
            mlflow.end_run("KILLED")  # otherwise, it would be FAILED
            raise


def _mlflow_experiment(run: str) -> str:
    """Return the id of an experiment, which is made if it does not exist."""
    from mlflow import MlflowClient

    found = MlflowClient().get_experiment_by_name(run)
    return str(found.experiment_id if found else MlflowClient().create_experiment(run))


@contextlib.contextmanager
def _wandb(run: str, training: str, folder: Path) -> Iterator[Log]:
    """Log a run to the project named like the bake-off; WANDB_MODE=offline keeps it in the run folder."""
    import wandb

    folder.mkdir(parents=True, exist_ok=True)
    with wandb.init(
        project=re.sub(r"[#?%]", "-", run)[:128],  # the characters that it does not allow
        name=training,
        id=_own_id(folder),
        resume="allow",
        reinit="create_new",  # whoever calls `bakeoff.run` may have a run of their own
        dir=str(folder),
        settings=wandb.Settings(console="off"),
    ) as session:
        yield lambda values, step: session.log(values, step=step)


@contextlib.contextmanager
def _trackio(run: str, training: str, folder: Path) -> Iterator[Log]:
    """Log a run to the local project named like the bake-off, which `trackio show` shows."""
    import trackio

    # It resumes by name, which must therefore be unique.
    name = f"{training} {_own_id(folder)[:6]}"
    session = trackio.init(project=run, name=name, resume="allow", embed=False)
    try:
        yield session.log
    finally:
        trackio.finish()


def _wandb_login(run: str) -> None:
    import wandb

    if wandb.setup().settings.mode == "online":
        wandb.login()


_WARM_UPS: dict[str, Callable[[str], object]] = {
    "tensorboard": lambda run: import_module("torch.utils.tensorboard"),
    "mlflow": _mlflow_experiment,
    "wandb": _wandb_login,
    "trackio": lambda run: import_module("trackio"),
}
_TRACKERS = {"tensorboard": _tensorboard, "mlflow": _mlflow, "wandb": _wandb, "trackio": _trackio}
_REWRITE = ("tensorboard",)
"""Trackers that forget what was logged after a checkpoint."""
