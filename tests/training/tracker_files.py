"""Read what trackers have stored on this machine, with their own packages."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

REAL = ["tensorboard", "mlflow", "wandb", "trackio"]


@dataclass
class TrackedRun:
    """A run in a tracker: its points (step, value) by metric."""

    name: str
    state: str = ""
    metrics: dict[str, list[tuple[int, float]]] = field(default_factory=dict)

    def steps(self, metric: str) -> list[int]:
        return [step for step, _ in self.metrics.get(metric, [])]


def offline(tracker: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a tracker store everything in a folder; skip the test where its package is not installed."""
    reason = "an older Pillow than that of constraints.txt" if tracker == "trackio" else "the extra of its name"
    module = pytest.importorskip(tracker, reason=f"{tracker} needs {reason}")
    if tracker == "mlflow":
        # A database takes seconds to create.
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", (folder / "mlruns").as_uri())
    elif tracker == "wandb":
        monkeypatch.setenv("WANDB_MODE", "offline")
        monkeypatch.setenv("WANDB_SILENT", "true")
    elif tracker == "trackio":
        for name in ("utils", "sqlite_storage"):
            monkeypatch.setattr(f"trackio.{name}.TRACKIO_DIR", folder / "trackio")
        module.context_vars.current_project.set(None)


def stored(tracker: str, folder: Path, project: str) -> list[TrackedRun]:
    """Return the runs of a project, in the order of their names.

    Args:
        folder: That of `offline`, with the run folders in it.
    """
    return sorted(_READERS[tracker](folder, project), key=lambda run: run.name)


def _tensorboard(folder: Path, project: str) -> Iterator[TrackedRun]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for home in sorted({file.parent for file in folder.rglob("events.out.tfevents*")}):
        events = EventAccumulator(str(home)).Reload()
        run = TrackedRun(str(home.relative_to(folder)))
        for name in events.Tags()["scalars"]:
            run.metrics[name] = [(event.step, event.value) for event in events.Scalars(name)]
        yield run


def _mlflow(folder: Path, project: str) -> Iterator[TrackedRun]:
    from mlflow import MlflowClient

    client = MlflowClient()
    experiment = client.get_experiment_by_name(project)
    for found in client.search_runs([experiment.experiment_id]) if experiment else []:
        run = TrackedRun(found.info.run_name, found.info.status)
        for name in found.data.metrics:
            points = client.get_metric_history(found.info.run_id, name)
            run.metrics[name] = sorted((point.step, point.value) for point in points)
        yield run


def _wandb(folder: Path, project: str) -> Iterator[TrackedRun]:
    """Join the files of one id, as `wandb sync` does."""
    runs: dict[str, TrackedRun] = {}
    for file in sorted(folder.rglob("*.wandb"), key=lambda file: file.stat().st_mtime_ns):
        records = list(_records(file))
        while all(record.WhichOneof("record_type") != "exit" for record in records):  # its service is still writing
            time.sleep(0.01)
            records = list(_records(file))
        for record in records:
            if (kind := record.WhichOneof("record_type")) == "run":
                assert record.run.project == project
                run = runs.setdefault(record.run.run_id, TrackedRun(record.run.display_name))
            elif kind == "exit":
                run.state = str(record.exit.exit_code)
            elif kind == "history":
                for item in record.history.item:
                    name = item.key or "/".join(item.nested_key)
                    if not name.startswith("_"):
                        run.metrics.setdefault(name, []).append((record.history.step.num, json.loads(item.value_json)))
    yield from runs.values()


def _records(file: Path) -> Iterator[Any]:
    """Read a .wandb file: after 7 bytes, records in the log format of LevelDB, in blocks of 32 KiB."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, part = file.read_bytes(), 7, b""
    while place + 7 <= len(data):
        if (room := 32768 - place % 32768) < 7:
            place += room
            continue
        length, kind = struct.unpack("<HB", data[place + 4 : place + 7])
        part += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            yield Record.FromString(part)
            part = b""


def _trackio(folder: Path, project: str) -> Iterator[TrackedRun]:
    import trackio
    from trackio.sqlite_storage import SQLiteStorage

    for found in trackio.Api().runs(project):
        run = TrackedRun(found.name)
        for line in SQLiteStorage.get_logs(project, found.name, run_id=found.id):
            for name in line.keys() - {"step", "timestamp"}:
                run.metrics.setdefault(name, []).append((line["step"], line[name]))
        yield run


_READERS = {"tensorboard": _tensorboard, "mlflow": _mlflow, "wandb": _wandb, "trackio": _trackio}
