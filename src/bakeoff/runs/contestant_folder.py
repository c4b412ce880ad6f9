"""Read and write the folder of a contestant. No other module knows the names of its files."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from bakeoff.errors import DamagedError, UserError
from bakeoff.runs import checksums
from bakeoff.runs.locking import LOCK, locked
from bakeoff.runs.reading import exists, read_lines, read_record, read_table
from bakeoff.runs.record import Record
from bakeoff.runs.results import ContestantResult, EpochLine, Failure, Sample, StepLine, Trial
from bakeoff.runs.writing import explain_disk_errors, remove, replaced_file, replaced_folder, sync, write_text

AnyRecord = TypeVar("AnyRecord", bound=Record)

_RESULT, _FAILURE, _SUMMARY = ENDS = ("result.json", "failure.json", "summary.json")
"""Names of files that are written last, and say that the others are complete."""

_LINES: dict[str, type[StepLine | EpochLine]] = {"step": StepLine, "epoch": EpochLine}


def _metrics_line(values: dict[str, Any]) -> StepLine | EpochLine:
    return _LINES[values["kind"]].model_validate(values)


def parse_metrics(lines: bytes) -> list[StepLine | EpochLine]:
    """Return the steps and evaluations of some lines of metrics.jsonl. Damaged lines are errors of any kind."""
    return [_metrics_line(json.loads(line)) for line in lines.splitlines()]


def _size(path: Path) -> int:
    """Return the size of a file in bytes; 0 if there is none."""
    with contextlib.suppress(FileNotFoundError):  # removed between the two, as the log of a trial is
        return path.stat().st_size if exists(path) else 0
    return 0


class ContestantFolder:
    """contestants/NAME/ of a run: the files of the first seed. Further seeds have subfolders: repeat-2/, repeat-3/.

    With cross-validation, each seed has a subfolder of the same layout for each fold: fold-1/, fold-2/. The files
    beside them are those of the last training, on all rows, with the scores of all folds. With a learning curve, each
    seed has such subfolders for the trainings on a part of the rows: part-1/, part-2/, the smallest first.
    """

    average_file: ClassVar[str] = "average.json"
    """The means over the seeds, which are computed again whenever a run is concluded."""

    def __init__(self, path: Path, *, writes: bool = True, name: str = "") -> None:
        """
        Args:
            writes: False under torchrun in all processes but the main one: methods that write then do nothing.
        """
        self.path = path
        self.name = name or path.name
        self.writes = writes
        self.answers: list[tuple[Sequence[str], npt.NDArray[np.float64]]] = []
        """Texts and what the model answered to them, as long as the process lasts that has evaluated it."""
        self._inner: dict[str, ContestantFolder] = {}
        self.model = path / "model"
        self.checkpoint = path / "checkpoint"
        self.tracking = path / "tracking"
        self._stages = path / "stages"
        self._trials = path / "trials"
        self._trials_log = path / "trials.jsonl"
        self._metrics = path / "metrics.jsonl"
        self._scores = path / "scores.parquet"
        self._out_of_scope = path / "out_of_scope.parquet"
        self._samples = path / "samples.jsonl"
        self._result = path / _RESULT
        self._average = path / self.average_file
        self._failure = path / _FAILURE

    def repeat(self, number: int) -> ContestantFolder:
        """Return the folder of a further seed, which has the same layout; 1 is this folder."""
        return self if number == 1 else self._inside(f"repeat-{number}")

    def _inside(self, name: str) -> ContestantFolder:
        if name not in self._inner:
            self._inner[name] = ContestantFolder(self.path / name, writes=self.writes, name=f"{self.name}, {name}")
        return self._inner[name]

    def repeats(self) -> list[ContestantFolder]:
        """Return this folder and those of the further seeds, in the order of the seeds."""
        return [self.repeat(number) for number in range(1, self._count("repeat") + 2)]

    def fold(self, number: int) -> ContestantFolder:
        """Return the folder of a fold; the first one is 1."""
        return self._inside(f"fold-{number}")

    def folds(self) -> list[ContestantFolder]:
        """Return the folders of the folds that have begun, in their order."""
        return [self.fold(number) for number in range(1, self._count("fold") + 1)]

    def _count(self, kind: str) -> int:
        """Return how many subfolders are called `KIND-` and a number; others, such as copies, are not ours."""
        return sum(path.name.removeprefix(f"{kind}-").isdecimal() for path in self.path.glob(f"{kind}-*"))

    def part(self, number: int) -> ContestantFolder:
        """Return the folder of a training on a part of the training rows; the smallest part is 1."""
        return self._inside(f"part-{number}")

    def stage(self, name: str) -> StageFolder:
        """Return the folder of a training that precedes the contestant's own, such as `pretraining`.

        It is removed with the checkpoint once there is a result. Its metrics are kept in the contestant's folder.
        """
        path, metrics = self._stages / name, self.path / f"{name}.jsonl"
        return StageFolder(path, writes=self.writes, name=f"{self.name}, {name}", metrics=metrics)

    def stages(self) -> list[StageFolder]:
        """Return the folders of the trainings that precede the contestant's own, as far as they have begun."""
        return [self.stage(path.name) for path in sorted(self._stages.glob("*"))]

    @contextlib.contextmanager
    def locked(self, patience: float) -> Iterator[None]:
        """Lock the folder for one training, in a process that does not hold the lock of the run.

        Args:
            patience: Seconds to wait for another process that works in it.

        Raises:
            UserError: another process still works in it.
        """
        with contextlib.ExitStack() as stack:
            try:
                with explain_disk_errors(self.path):
                    self.path.mkdir(parents=True, exist_ok=True)
                    stack.enter_context(locked(self.path / LOCK, patience))
            except BlockingIOError:
                raise UserError(f"Another process is working in {self.path}.", "Wait for it, or stop it.") from None
            yield

    # trials of a search

    def open_trials(self) -> list[StageFolder]:
        """Return the folders of the trials, which are there until there is a result."""
        numbers = sorted(int(path.name) for path in self._trials.glob("[0-9]*") if path.name.isdecimal())
        return [self.trial(number) for number in numbers]

    def trial(self, number: int) -> StageFolder:
        """Return the folder of a trial, whose summary is a `Trial`."""
        trial = StageFolder(self._trials / str(number), writes=self.writes, name=f"{self.name}, trial {number}")
        trial.tracking = self.tracking / f"trial-{number}"
        return trial

    def write_trials(self, trials: Iterable[Trial]) -> None:
        """Write the trials that have ended for people to read; a search that is resumed reads their folders."""
        write_text(self._trials_log, "".join(trial.model_dump_json() + "\n" for trial in trials))

    def trials(self) -> list[Trial]:
        return read_lines(self._trials_log, Trial.model_validate)

    def has_trial(self, number: int) -> bool:
        """Return whether a trial has ended."""
        return self.ended or self.trial(number).finished

    def adopt(self, trial: ContestantFolder) -> None:
        """Copy a trial's model and metrics into this folder, as the contestant's own."""
        checksums.check_folder(trial.model)
        with replaced_folder(self.model) as temporary:
            shutil.copytree(trial.model, temporary, dirs_exist_ok=True)
            checksums.write_manifest(temporary)  # which says that it is no longer the trial's
        for log in trial.path.glob("*.jsonl"):
            with replaced_file(self.path / log.name) as copy:
                shutil.copyfile(log, copy)

    @property
    def finished(self) -> bool:
        return exists(self._result)

    @property
    def failed(self) -> bool:
        return exists(self._failure)

    @property
    def ended(self) -> bool:
        """True if there is a result, or will never be one."""
        return self.finished or self.failed

    @property
    def begun(self) -> bool:
        """True once a step was taken, in this training or in a stage before it."""
        own = self.ended or any(map(_size, self.path.glob("*.jsonl")))
        return own or any(training.begun for training in (*self.folds(), *self.open_trials()))

    @property
    def latest(self) -> ContestantFolder:
        """The folder of the training that is under way or was the last: of a seed, or of a trial or a fold of one."""
        for seed in reversed(self.repeats()):
            if seed.metrics_size() or seed.ended:
                return seed
            for training in reversed([*seed.folds(), *seed.open_trials()]):
                if training.metrics_size():
                    return training
        return self

    # metrics.jsonl

    def append_metrics(self, line: StepLine | EpochLine) -> None:
        if self.writes:
            with explain_disk_errors(self._metrics):
                self.path.mkdir(parents=True, exist_ok=True)
                with self._metrics.open("a", encoding="utf-8") as file:
                    file.write(line.model_dump_json() + "\n")

    def metrics_size(self) -> int:
        """Return the size of metrics.jsonl in bytes, which a checkpoint stores."""
        return _size(self._metrics)

    def _sync_metrics(self) -> None:
        """Wait until metrics.jsonl is on the disk. Checksums vouch for it next, and outlive a power failure."""
        if exists(self._metrics):
            with explain_disk_errors(self._metrics):
                sync(self._metrics)

    def cut_metrics(self, size: int) -> None:
        """Remove the lines that were written after the checkpoint from which a run resumes."""
        if self.writes and exists(self._metrics):
            with self._metrics.open("r+b") as file:
                file.truncate(size)

    def metrics_from(self, begin: int) -> bytes:
        """Return the complete lines of metrics.jsonl from a byte on. Only the whole is compared with its checksum.

        Raises:
            DamagedError: it cannot be read, or is not what its checksum says.
        """
        try:
            if begin:
                with self._metrics.open("rb") as file:
                    file.seek(begin)
                    content = file.read()
            else:
                content = checksums.read_checked(self._metrics)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise DamagedError(self._metrics, f"cannot be read: {error.strerror}") from None
        return content[: content.rfind(b"\n") + 1]

    def training_log(self) -> tuple[list[StepLine], list[EpochLine]]:
        """Read the lines of steps and of evaluations from metrics.jsonl."""
        lines = read_lines(self._metrics, _metrics_line)
        steps = [line for line in lines if isinstance(line, StepLine)]
        return steps, [line for line in lines if isinstance(line, EpochLine)]

    def write_scores(self, table: pa.Table) -> None:
        if self.writes:
            with replaced_file(self._scores) as temporary:
                pq.write_table(table, temporary)

    def scores(self) -> pa.Table:
        return read_table(self._scores)

    def write_out_of_scope(self, table: pa.Table) -> None:
        """Write the confidence in every test text, those that belong to no class included."""
        if self.writes:
            with replaced_file(self._out_of_scope) as temporary:
                pq.write_table(table, temporary)

    def out_of_scope(self) -> pa.Table | None:
        """Return what `write_out_of_scope` wrote; None where it wrote nothing."""
        is_there = exists(self._out_of_scope) or checksums.is_listed(self._out_of_scope)
        return read_table(self._out_of_scope) if is_there else None

    def write_samples(self, samples: Iterable[Sample]) -> None:
        if self.writes:
            write_text(self._samples, "".join(sample.model_dump_json() + "\n" for sample in samples))

    def samples(self) -> list[Sample]:
        return read_lines(self._samples, Sample.model_validate)

    def write_result(self, result: ContestantResult) -> None:
        """Write the last file of a contestant, which marks it as finished, and remove the checkpoint and stages."""
        self._write_last(self._result, result)

    def write_failure(self, reason: str) -> None:
        """Write why there is no result, in place of it."""
        self._write_last(self._failure, Failure(reason=reason))

    def failure(self) -> str | None:
        """Return why the contestant has no result with one of its seeds or folds, or None."""
        trainings = [training for repeat in self.repeats() for training in (*repeat.folds(), repeat)]
        failed = [training._failure for training in trainings if exists(training._failure)]
        return read_record(failed[0], Failure).reason if failed else None

    def _write_last(self, path: Path, record: Record) -> None:
        """Write the checksums of all files, then the record, and remove what only a resume needs."""
        text = record.model_dump_json(indent=2) + "\n"
        if self.model.is_dir():
            checksums.write_manifest(self.model)
        self._sync_metrics()
        logs = sorted(self.path.glob("*.jsonl"))
        files = [file for file in (*logs, self._scores, self._out_of_scope) if file.exists()]
        checksums.write_manifest(self.path, files, texts={path.name: text})
        write_text(path, text)
        self.remove_scaffolding()

    def remove_scaffolding(self) -> None:
        """Remove what only the resume of an unfinished training needs."""
        for folder in (self.checkpoint, self._stages, self._trials):
            remove(folder)

    def remove_training(self) -> None:
        """Remove what a training has left that is to start again. Trials of a search stay, also for the tracker."""
        trials = {trial.tracking for trial in self.open_trials()}
        tracked = [path for path in self.tracking.glob("*") if path not in trials]
        with explain_disk_errors(self.path):
            for path in (self.checkpoint, self.model, self._metrics, *tracked):
                remove(path)

    def remove_unproven(self) -> None:
        """Remove files of an unfinished training that no checksums vouch for, and that are written again.

        The logs of stages that have begun stay.
        """
        begun = {stage._metrics for stage in self.stages()}
        logs = [log for log in self.path.glob("*.jsonl") if log != self._metrics and log not in begun]
        with explain_disk_errors(self.path):
            for path in (*logs, self._scores, self._out_of_scope, self._average):
                remove(path)

    def write_checkpoint_checksums(self, folder: Path, metrics_size: int) -> None:
        """Write the checksums of a checkpoint, which is still in a temporary `folder` beside its place.

        They include the metrics so far, which a resume keeps, and that there is a model, if there is one.
        """
        log = os.path.relpath(self._metrics, self.checkpoint)
        model = os.path.relpath(self.model / checksums.MANIFEST, self.checkpoint)
        files = [file for file in folder.iterdir() if file.is_file()]
        self._sync_metrics()
        checksums.write_manifest(folder, files, beginnings={log: metrics_size, model: 0})

    def result(self) -> ContestantResult:
        return read_record(self._result, ContestantResult)

    def write_average(self, result: ContestantResult) -> None:
        """Write the means over the seeds of a contestant that was trained with several."""
        text = result.model_dump_json(indent=2) + "\n"
        checksums.announce(self._average, text)
        write_text(self._average, text)

    def average(self) -> ContestantResult:
        """Return the means over all seeds, or the result where there is only one seed.

        Raises:
            DamagedError: a seed of theirs is missing.
        """
        is_there = exists(self._average) or checksums.is_listed(self._average)
        if not is_there:
            return self.result()
        average = read_record(self._average, ContestantResult)
        for number in range(2, max(len(metric.by_seed) for metric in average.metrics) + 1):
            if not self.repeat(number).path.is_dir():
                raise DamagedError(self.repeat(number).path, "is missing")
        return average


class StageFolder(ContestantFolder):
    """A contestant's folder for a training before its own, or for a trial. In place of a result it has a summary."""

    def __init__(self, path: Path, *, writes: bool, name: str, metrics: Path | None = None) -> None:
        """
        Args:
            metrics: Where its metrics are kept, if not beside its weights.
        """
        super().__init__(path, writes=writes, name=name)
        self._metrics = metrics or self._metrics
        self._summary = path / _SUMMARY

    def write_summary(self, summary: Record) -> None:
        """Write the last file of the training, which marks the weights in ``model`` as final."""
        text = summary.model_dump_json(indent=2) + "\n"
        weights = []
        if self.model.is_dir():
            checksums.write_manifest(self.model)
            weights.append(self.model / checksums.MANIFEST)
        self._sync_metrics()
        logs = {os.path.relpath(log, self.path): log.stat().st_size for log in self._logs()}
        checksums.write_manifest(self.path, weights, texts={self._summary.name: text}, beginnings=logs)
        write_text(self._summary, text)

    def _logs(self) -> list[Path]:
        """Return its log, and those of the trainings that precede it."""
        return [log for log in sorted({self._metrics, *self.path.glob("*.jsonl")}) if exists(log)]

    def cut_metrics_to_summary(self) -> None:
        """Remove the lines of the log that the checksums of the summary do not cover."""
        size, _ = (checksums.read_manifest(self.path) or {}).get(os.path.relpath(self._metrics, self.path), (0, ""))
        self.cut_metrics(size)

    def keep_summary_only(self) -> None:
        """Remove everything but the summary of a finished training."""
        kept = (self._summary, self.path / checksums.MANIFEST)
        if others := [path for path in self.path.iterdir() if path not in kept]:
            checksums.write_manifest(self.path, [self._summary])
            for path in others:
                remove(path)

    @property
    def finished(self) -> bool:
        return exists(self._summary)

    def summary(self, kind: type[AnyRecord]) -> AnyRecord | None:
        """Return the summary, or None if the training has not finished."""
        return read_record(self._summary, kind) if exists(self._summary) else None
