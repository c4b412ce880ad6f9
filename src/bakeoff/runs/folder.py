"""The run folder. No other module knows the names of its files.

A file is either complete or absent: it is written beside its place and moved there.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
import pydantic
import yaml

from bakeoff.errors import UserError
from bakeoff.runs.record import Record
from bakeoff.runs.results import ContestantResult, DataReport, Environment, EpochLine, Sample, StepLine, Verdict

AnyRecord = TypeVar("AnyRecord", bound=Record)


@contextlib.contextmanager
def explain_disk_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or a missing permission while writing `path` into a sentence."""
    try:
        yield
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else None
        # safetensors and Arrow wrap the system's error in classes of their own.
        wrapped = "No space left on device" in str(error) or "os error 28" in str(error)
        if number in (errno.ENOSPC, errno.EDQUOT) or wrapped:
            raise UserError(
                f"The disk is full: {path} could not be written.",
                "Free some space; `bakeoff resume` goes on from the last checkpoint.",
            ) from error
        if isinstance(error, OSError) and number in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise UserError(f"{path} cannot be written: {error.strerror}.", "Choose another folder with -o.") from error
        raise


@contextlib.contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """Write a temporary file; it takes the place of `path` if the block ends well, and vanishes if not."""
    temporary = path.with_name(f".{path.name}.part")
    with explain_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace `path` atomically."""
    with replaced_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """Fill a temporary folder; it takes the place of `path` if the block ends well, and vanishes if not.

    A kill between the two renames leaves the old folder under its ``.old`` name; `recover_folder` puts it back.
    """
    temporary, old = path.with_name(f".{path.name}.part"), path.with_name(f".{path.name}.old")
    with explain_disk_errors(path):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            yield temporary
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        shutil.rmtree(old, ignore_errors=True)
        if path.exists():
            path.rename(old)
        temporary.rename(path)
        shutil.rmtree(old, ignore_errors=True)


def recover_folder(path: Path) -> None:
    """Undo a `replaced_folder` that was killed between its two renames."""
    old = path.with_name(f".{path.name}.old")
    if not path.exists() and old.exists():
        with contextlib.suppress(FileNotFoundError):  # another process has just done it
            old.rename(path)


def folder_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _read(path: Path, kind: type[AnyRecord]) -> AnyRecord:
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing: the run has not come that far.", f"Try `bakeoff resume {path.parent}`."
        ) from None
    except pydantic.ValidationError as error:
        raise UserError(f"{path} is not what this version of bakeoff writes: {error.errors()[0]['msg']}.") from None


class ContestantFolder:
    """contestants/NAME/ of a run: what the first seed left. Further seeds lie in repeat-2/, repeat-3/, ... in it."""

    def __init__(self, path: Path, *, writes: bool = True, name: str = "") -> None:
        """`writes`: False in processes that compute along with the one that writes, whose writing does nothing."""
        self.path = path
        self.name = name or path.name
        self.writes = writes
        self.model = path / "model"
        self.checkpoint = path / "checkpoint"
        self.tracking = path / "tracking"
        self._stages = path / "stages"
        self._metrics = path / "metrics.jsonl"
        self._scores = path / "scores.parquet"
        self._samples = path / "samples.jsonl"
        self._result = path / "result.json"
        self._average = path / "average.json"

    def repeat(self, number: int) -> ContestantFolder:
        """The folder of a further seed, in the same layout; 1 is this one."""
        path = self.path / f"repeat-{number}"
        return self if number == 1 else ContestantFolder(path, writes=self.writes, name=f"{self.name}, {path.name}")

    def repeats(self) -> list[ContestantFolder]:
        """This folder and those of the further seeds, in the order of the seeds."""
        further = len(list(self.path.glob("repeat-*")))
        return [self.repeat(number) for number in range(1, further + 2)]

    def stage(self, name: str) -> StageFolder:
        """The folder of a training that comes before the contestant's own, such as `pretraining`.

        It is removed with the checkpoint when there is a result. Its metrics lie beside it and stay.
        """
        return StageFolder(self, name)

    @property
    def finished(self) -> bool:
        return self._result.exists()

    @property
    def begun(self) -> bool:
        """Whether a step was taken, of this training or of one that comes before it."""
        return self.finished or any(log.stat().st_size for log in self.path.glob("*.jsonl"))

    # metrics.jsonl

    def append_metrics(self, line: StepLine | EpochLine) -> None:
        if self.writes:
            with explain_disk_errors(self._metrics):
                self.path.mkdir(parents=True, exist_ok=True)
                with self._metrics.open("a", encoding="utf-8") as file:
                    file.write(line.model_dump_json() + "\n")

    def metrics_size(self) -> int:
        """Bytes of metrics.jsonl; a checkpoint remembers them."""
        return self._metrics.stat().st_size if self._metrics.exists() else 0

    def cut_metrics(self, size: int) -> None:
        """Forget the lines that were written after the checkpoint from which a run goes on."""
        if self.writes and self._metrics.exists():
            with self._metrics.open("r+b") as file:
                file.truncate(size)

    def training_log(self) -> tuple[list[StepLine], list[EpochLine]]:
        steps: list[StepLine] = []
        epochs: list[EpochLine] = []
        if self._metrics.exists():
            for text in self._metrics.read_text(encoding="utf-8").splitlines():
                try:
                    values = json.loads(text)
                except json.JSONDecodeError:  # the last line of a run that was killed while writing it
                    break
                if values["kind"] == "step":
                    steps.append(StepLine.model_validate(values))
                else:
                    epochs.append(EpochLine.model_validate(values))
        return steps, epochs

    def write_scores(self, table: pa.Table) -> None:
        if self.writes:
            with replaced_file(self._scores) as temporary:
                pq.write_table(table, temporary)

    def scores(self) -> pa.Table:
        return pq.read_table(self._scores)

    def write_samples(self, samples: Iterable[Sample]) -> None:
        if self.writes:
            write_text(self._samples, "".join(sample.model_dump_json() + "\n" for sample in samples))

    def samples(self) -> list[Sample]:
        lines = self._samples.read_text(encoding="utf-8").splitlines() if self._samples.exists() else []
        return [Sample.model_validate_json(line) for line in lines]

    def write_result(self, result: ContestantResult) -> None:
        """The last file of a contestant: its presence says that nothing is left to do."""
        write_text(self._result, result.model_dump_json(indent=2) + "\n")
        for needless in (self.checkpoint, self._stages):
            shutil.rmtree(needless, ignore_errors=True)

    def result(self) -> ContestantResult:
        return _read(self._result, ContestantResult)

    def write_average(self, result: ContestantResult) -> None:
        """The means over the seeds of a contestant that was trained with several."""
        write_text(self._average, result.model_dump_json(indent=2) + "\n")

    def average(self) -> ContestantResult:
        """The means over all seeds; where there is one, its result."""
        return _read(self._average, ContestantResult) if self._average.exists() else self.result()


class StageFolder(ContestantFolder):
    """For the training loop it is a contestant's folder; in place of a result it has a summary."""

    def __init__(self, contestant: ContestantFolder, stage: str) -> None:
        path = contestant.path / "stages" / stage
        super().__init__(path, writes=contestant.writes, name=f"{contestant.name}, {stage}")
        self._metrics = contestant.path / f"{stage}.jsonl"
        self._summary = path / "summary.json"

    def write_summary(self, summary: Record) -> None:
        """The last file of a stage: its presence says that the weights in ``model`` are final."""
        write_text(self._summary, summary.model_dump_json(indent=2) + "\n")

    def summary(self, kind: type[AnyRecord]) -> AnyRecord | None:
        """The summary, or None where the stage has not ended."""
        return _read(self._summary, kind) if self._summary.exists() else None


class RunFolder:
    """runs/NAME/: one bake-off."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.html_report = self.path / "report.html"
        self.markdown_report = self.path / "report.md"
        self._config = self.path / "bakeoff.yaml"
        self._environment = self.path / "environment.json"
        self._data = self.path / "data.json"
        self._verdict = self.path / "verdict.json"
        self._contestants = self.path / "contestants"
        self._lock = self.path / ".lock"

    @property
    def holds_a_run(self) -> bool:
        return self._config.exists()

    def must_hold_a_run(self) -> None:
        """Raises UserError where the folder is not a run."""
        if not self.holds_a_run:
            what = "holds no run (bakeoff.yaml is missing)" if self.path.exists() else "does not exist"
            near = sorted(str(config.parent) for config in self.path.parent.glob("*/bakeoff.yaml"))
            hint = f"Runs nearby: {', '.join(near)}." if near else "Start one with `bakeoff run sentiment`."
            raise UserError(f"{self.path} {what}.", hint)

    def contestant(self, name: str, *, writes: bool = True) -> ContestantFolder:
        """The folder of a contestant's first seed; `repeat` leads to the others."""
        return ContestantFolder(self._contestants / name, writes=writes)

    def contestants(self) -> list[ContestantFolder]:
        """The contestants in the order of the config."""
        return [self.contestant(name) for name in self.config_values()["contestants"]]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second process from training in the same folder.

        Raises:
            UserError: another process holds the folder.
        """
        with explain_disk_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = self._lock.open("w")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"Another process is working in {self.path}.", "Wait for it, or stop it.") from None
            yield

    # config, data, environment, verdict

    def write_config_file(self, values: dict[str, Any]) -> None:
        write_text(self._config, yaml.safe_dump(values, sort_keys=False, allow_unicode=True))

    def config_values(self) -> dict[str, Any]:
        values: dict[str, Any] = yaml.safe_load(self._config.read_text(encoding="utf-8"))
        return values

    def write_environment(self, environment: Environment) -> None:
        write_text(self._environment, environment.model_dump_json(indent=2) + "\n")

    def environment(self) -> Environment:
        return _read(self._environment, Environment)

    def write_data(self, data: DataReport) -> None:
        write_text(self._data, data.model_dump_json(indent=2) + "\n")

    def data(self) -> DataReport:
        return _read(self._data, DataReport)

    def write_verdict(self, verdict: Verdict) -> None:
        write_text(self._verdict, verdict.model_dump_json(indent=2) + "\n")

    def verdict(self) -> Verdict:
        return _read(self._verdict, Verdict)
