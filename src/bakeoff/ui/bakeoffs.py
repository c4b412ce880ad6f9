"""Bake-offs that the page starts: one process each, one after the other. Their state is what lies on the disk."""

from __future__ import annotations

import contextlib
import re
import shlex
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from bakeoff.errors import UserError
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.record import Record
from bakeoff.runs.writing import write_new_text
from bakeoff.serve.models import ServedRun
from bakeoff.serve.progress import run_view
from bakeoff.ui import processes
from bakeoff.ui.files import Files, UploadedFile
from bakeoff.ui.folders import ID, RecordedFolder, new_numbered, numbered, removed_if_it_fails
from bakeoff.ui.looking import problem_of
from bakeoff.ui.shapes import BakeoffView, Problem, State

ACTIVE: tuple[State, ...] = ("waiting", "running", "stopping")

_VANISHED = Problem(
    message="Its process ended without an error message: the machine was restarted, or memory ran out.",
    hint="Resume it to go on where it stopped.",
)


class BakeoffRecord(Record):
    """bakeoff.json: what is wanted, and the process that does it."""

    file: str
    name: str
    created: float
    contestants: list[str]
    forecast: dict[str, float] = Field({}, description="Seconds by contestant, where they were measured.")
    wanted: Literal["run", "stop"] = "run"
    since: float  # when that was last wanted: who has waited longest is next
    process: processes.ProcessRecord | None = None
    started: float | None = None


class Bakeoff(RecordedFolder[BakeoffRecord]):
    """The folder of a bake-off."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "bakeoff.json", BakeoffRecord)
        self.id = folder.name
        self.config = folder / "bakeoff.yaml"
        self.run = RunFolder(folder / "run")
        self.output = folder / "output.txt"
        self._served: ServedRun | None = None
        self._finished = False

    @property
    def served(self) -> ServedRun | None:
        """The run as a server of models knows it, or None as long as its data have not been read."""
        if self._served is None and self.run.holds_a_run:
            try:
                self._served = ServedRun(self.id, self.run)
            except UserError:  # damaged
                return None
        return self._served

    @property
    def finished(self) -> bool:
        """True once it has a verdict and a report, which nothing takes away: they are looked for until then."""
        if not self._finished:
            with contextlib.suppress(UserError):
                self._finished = bool(self.run.verdict()) and self.run.html_report.exists()
        return self._finished

    def state(self, record: BakeoffRecord) -> State:
        if processes.is_running(record.process):
            return "running" if record.wanted == "run" else "stopping"
        if self.finished:
            return "finished"
        if record.wanted == "stop":
            return "stopped"
        return "waiting" if record.process is None else "failed"

    def begin(self) -> None:
        """Start its process, or one that resumes what an earlier one began."""
        words = ["resume", str(self.run.path)]
        if not self.run.holds_a_run:
            words = ["run", str(self.config), "-o", str(self.run.path)]
        self.change(process=processes.start(words, self.output), started=time.time())

    def problem(self) -> Problem:
        """Return why its process has failed."""
        said = processes.last_error(self.output)
        if said is None:
            return _VANISHED
        message, _, hint = said.partition("\n")
        return problem_of(UserError(message, hint), self.run.path, "The run")


class Bakeoffs(Mapping[str, ServedRun]):
    """All bake-offs, as the runs of a server by their id. They take turns: two at once would slow each other down."""

    def __init__(self, parent: Path, files: Files) -> None:
        self.parent = parent
        self._files = files
        self._known: dict[str, Bakeoff] = {}
        self._lock = threading.Lock()

    # runs, for a server of models

    def __getitem__(self, id: str) -> ServedRun:
        bakeoff = self.find(id)
        if bakeoff is None or bakeoff.served is None:
            raise KeyError(id)
        return bakeoff.served

    def __iter__(self) -> Iterator[str]:
        return (bakeoff.id for bakeoff in self.all() if bakeoff.served is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def all(self) -> list[Bakeoff]:
        """Return the bake-offs, the oldest first."""
        return [found for folder in numbered(self.parent) if (found := self.find(folder.name)) is not None]

    def find(self, id: str) -> Bakeoff | None:
        if not re.match(ID, id):
            return None
        bakeoff = self._known.setdefault(id, Bakeoff(self.parent / id))
        return bakeoff if bakeoff.exists else None

    # turns

    def add(self, file: UploadedFile, contestants: Sequence[str]) -> Bakeoff:
        """Write the config of a new bake-off, which waits for its turn.

        Raises:
            UserError: the file cannot be read any more.
        """
        record = file.record
        start = file.config(contestants)
        forecast = file.forecast().seconds
        file.stop_measuring()  # which would take time from the contestants
        folder = new_numbered(self.parent)
        with removed_if_it_fails(folder):
            bakeoff = Bakeoff(folder)
            write_new_text(bakeoff.config, start.yaml)
            names = [proposal.name for proposal in start.lineup]
            bakeoff.write(
                BakeoffRecord(
                    file=file.folder.name,
                    name=record.name,
                    created=time.time(),
                    contestants=names,
                    forecast={name: forecast[name] for name in names if name in forecast},
                    since=time.time(),
                )
            )
        return bakeoff

    def tend(self) -> None:
        """Begin the bake-off that has waited longest, unless one is running."""
        with self._lock:
            records = [(bakeoff, bakeoff.record) for bakeoff in self.all()]
            if any(processes.is_running(record.process) for _, record in records):
                return
            waiting = [(record.since, bakeoff) for bakeoff, record in records if bakeoff.state(record) == "waiting"]
            if waiting:
                min(waiting, key=lambda each: each[0])[1].begin()

    def stop(self, bakeoff: Bakeoff) -> None:
        """Stop a bake-off; what it has learned stays."""
        with self._lock:
            bakeoff.change(wanted="stop", since=time.time())
            processes.stop(bakeoff.record.process)

    def resume(self, bakeoff: Bakeoff) -> None:
        """Let a stopped or failed bake-off wait for its turn."""
        with self._lock:
            if bakeoff.state(bakeoff.record) in ("stopped", "failed"):
                bakeoff.change(wanted="run", since=time.time(), process=None)

    def need(self, file: str) -> bool:
        """Return whether a bake-off runs on a file, or waits for its turn."""
        records = [(bakeoff, bakeoff.record) for bakeoff in self.all()]
        return any(record.file == file and bakeoff.state(record) in ACTIVE for bakeoff, record in records)

    def remove(self, bakeoff: Bakeoff) -> bool:
        """Remove a bake-off with its contestants, unless it is running: then return False.

        Raises:
            UserError: something cannot be removed.
        """
        with self._lock:
            if processes.is_running(bakeoff.record.process):
                return False
            bakeoff.remove()
            self._known.pop(bakeoff.id, None)
        return True

    # what the page shows

    def view(self, bakeoff: Bakeoff) -> BakeoffView:
        """Return a bake-off in its present state."""
        record = bakeoff.record
        state = bakeoff.state(record)
        run = run_view(bakeoff.served) if bakeoff.served else None
        ended = [each.name for each in run.contestants if each.state in ("finished", "failed")] if run else []
        open_ones = [name for name in record.contestants if name not in ended]
        current = open_ones[0] if open_ones and state == "running" and run else None
        return BakeoffView(
            id=bakeoff.id,
            file=record.file if self._files.find(record.file) else None,
            name=record.name,
            created=record.created,
            state=state,
            ahead=self._ahead(bakeoff, record) if state == "waiting" else 0,
            seconds=time.time() - record.started if state in ("running", "stopping") and record.started else None,
            forecast=record.forecast,
            contestants=record.contestants,
            current=current,
            share=1.0 if state == "finished" else _share(record, ended),
            problem=bakeoff.problem() if state == "failed" else None,
            can_resume=state in ("stopped", "failed"),
            command=shlex.join(["bakeoff", "run", str(bakeoff.config), "-o", "again"]),
            winner=(run.recommended or _best(bakeoff)) if state == "finished" and run else None,
            run=run,
        )

    def _ahead(self, bakeoff: Bakeoff, record: BakeoffRecord) -> int:
        others = [(other, other.record) for other in self.all() if other.id != bakeoff.id]
        return sum(
            state in ("running", "stopping") or (state == "waiting" and other_record.since < record.since)
            for other, other_record in others
            for state in [other.state(other_record)]
        )


def _share(record: BakeoffRecord, ended: Sequence[str]) -> float:
    """Return the share of the contestants that have ended, by their forecasts if there are any."""
    seconds = {name: record.forecast.get(name, 1.0 if not record.forecast else 0.0) for name in record.contestants}
    return sum(seconds[name] for name in ended if name in seconds) / (sum(seconds.values()) or 1.0)


def _best(bakeoff: Bakeoff) -> str:
    return bakeoff.run.verdict().best
