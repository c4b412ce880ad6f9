"""Uploaded files: what clients call them, their columns, what was found in them, and the forecast."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pydantic import Field, ValidationError

from bakeoff.config.load import load_config
from bakeoff.config.starting import StartingConfig, scalar
from bakeoff.data.compression import COMPRESSED, LINES, ending_of
from bakeoff.data.raw_tables import is_table_name
from bakeoff.errors import UserError
from bakeoff.lineup import beyond
from bakeoff.runs.plans import Plan
from bakeoff.runs.reading import read_record
from bakeoff.runs.record import Record
from bakeoff.runs.writing import write_text
from bakeoff.ui import processes
from bakeoff.ui.folders import ID, RecordedFolder, numbered
from bakeoff.ui.limits import PageLimits
from bakeoff.ui.looking import look_into, problem_of, start_of
from bakeoff.ui.shapes import FileChoices, FileView, ForecastView, Look


class FileRecord(Record):
    """about.json of an uploaded file, written last: without it, the upload was not completed."""

    name: str
    content: str  # the file beside this one
    size: int
    created: float
    choices: FileChoices = Field(default_factory=lambda: FileChoices())
    forecast: processes.ProcessRecord | None = None


def without_folders(name: str) -> str:
    """Return the last part of a path of any system."""
    return name.replace("\\", "/").rpartition("/")[2]


def ending(name: str) -> str | None:
    """Return what the content of a file that clients call `name` is stored with: `.csv.gz`. None: it cannot be read."""
    base = without_folders(name)
    kind, last = ending_of(base), PurePosixPath(base).suffix.lower()
    if not (is_table_name(base) or kind == LINES):
        return None
    return last if last == kind or last not in COMPRESSED else kind + last


class UploadedFile(RecordedFolder[FileRecord]):
    """A folder with an uploaded file."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "about.json", FileRecord)
        self._look = folder / "look.json"
        self._everything = folder / "everything.yaml"
        self._plan = folder / "plan.json"
        self._said = folder / "plan.txt"
        self._start: tuple[FileChoices, StartingConfig] | None = None  # of the last look: a large file takes seconds

    @property
    def content(self) -> Path:
        return self.folder / self.record.content

    def view(self) -> FileView:
        record = self.record
        return FileView(id=self.folder.name, name=record.name, size=record.size, created=record.created)

    def look(self, limits: PageLimits) -> Look:
        """Return what was found in the file; the first time, look, and begin to measure a forecast."""
        with contextlib.suppress(UserError):  # there is none yet, or another version of bakeoff looked
            return read_record(self._look, Look)
        record = self.record
        look, start = look_into(self.content, record.name, record.choices, limits)
        if start is not None:
            self._start = record.choices, start
            write_text(self._everything, start.yaml)
            if record.forecast is None:
                self.measure()
        write_text(self._look, look.model_dump_json(indent=2) + "\n")
        return look

    def choose(self, choices: FileChoices) -> None:
        """Change what somebody decided, so that the next look is a new one. Only a metric takes no time."""
        before = self.record.choices
        self._look.unlink(missing_ok=True)
        if choices.model_copy(update={"metric": before.metric}) != before:
            self.stop_measuring()
            self._plan.unlink(missing_ok=True)
            self._said.unlink(missing_ok=True)
            self.change(forecast=None)
        self.change(choices=choices)

    def config(self, contestants: Collection[str]) -> StartingConfig:
        """Return a config for the file with these contestants, named after the file.

        Raises:
            UserError: these contestants make no bake-off, or the file cannot be read any more.
        """
        record = self.record
        if self._start is None or self._start[0] != record.choices:  # it has not looked with these
            self._start = record.choices, start_of(self.content, record.choices)
        start = self._start[1].among(contestants)
        return replace(start, yaml=start.yaml + bakeoff_name(record.name))

    def measure(self) -> None:
        """Start `bakeoff plan` for all contestants, after a look that has found some."""
        self.stop_measuring()
        process = processes.start(["plan", str(self._everything), "--json"], self._plan, self._said)
        self.change(forecast=process)

    def stop_measuring(self) -> None:
        """Stop `bakeoff plan`, so that there is no forecast, unless it has ended."""
        record = self.record
        if processes.is_running(record.forecast):
            processes.stop(record.forecast)
            self.change(forecast=None)

    def forecast(self, minutes: float | None = None) -> ForecastView:
        """Return the forecast so far.

        Args:
            minutes: Also choose contestants that take no longer.
        """
        record = self.record
        if record.forecast is None:
            return ForecastView(state="none")
        if processes.is_running(record.forecast):
            return ForecastView(state="measuring")
        try:
            plan = Plan.model_validate_json(self._plan.read_bytes())
        except (OSError, ValidationError):
            said = processes.last_error(self._said) or "The measurement was stopped."
            message, _, hint = said.partition("\n")
            problem = problem_of(UserError(message, hint), self.content, record.name)
            return ForecastView(state="failed", problem=problem)
        seconds = {each.name: each.all_seconds for each in plan.contestants}
        return ForecastView(
            state="ready",
            seconds=seconds,
            reading_seconds=max(0.0, plan.total_seconds - sum(seconds.values())),
            memory_bytes=plan.peak_memory_bytes,
            warnings=plan.warnings,
            chosen=None if minutes is None else self._within(plan, minutes),
        )

    def _within(self, plan: Plan, minutes: float) -> list[str] | None:
        """Return the contestants that are within the time; None while another look into the file is under way."""
        try:
            found = read_record(self._look, Look).found
        except UserError:
            return None
        if found is None:
            return None
        left_out = beyond(plan, {each.name: each.promise for each in found.lineup if not each.quick}, minutes)
        return self._without_incomplete([each.name for each in plan.contestants if each.name not in left_out])

    def _without_incomplete(self, chosen: Sequence[str]) -> list[str]:
        """Leave out whoever is made of several others, such as an ensemble, of which fewer than two were chosen."""
        contestants = load_config(self._everything).contestants
        members = {name: set(contestants[name].builds_on) for name in chosen}
        return [name for name in chosen if len(members[name]) < 2 or len(members[name] & set(chosen)) >= 2]


def bakeoff_name(name: str) -> str:
    """Return the line of a config that names a bake-off after its file."""
    stem = without_folders(name).partition(".")[0]
    safe = re.sub(r"[^\w -]", "", stem).strip() or "texts"
    return f"name: {scalar(safe[:60])}\n"


class Files:
    """All uploaded files."""

    def __init__(self, parent: Path) -> None:
        self.parent = parent
        self._known: dict[str, UploadedFile] = {}

    def __iter__(self) -> Iterator[UploadedFile]:
        for folder in numbered(self.parent):
            if (file := self.find(folder.name)) is not None:
                yield file

    def find(self, id: str) -> UploadedFile | None:
        file = UploadedFile(self.parent / id)
        if not re.match(ID, id) or not file.exists:
            self._known.pop(id, None)
            return None
        return self._known.setdefault(id, file)
