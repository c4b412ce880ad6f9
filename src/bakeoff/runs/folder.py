"""Read and write the folder of a run. No other module knows the names of its files."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from bakeoff.errors import DamagedError, UserError
from bakeoff.runs import checksums
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.data_report import DataReport
from bakeoff.runs.findings import TextTraits
from bakeoff.runs.locking import LOCK, locked
from bakeoff.runs.reading import PUT_BACK, exists, read_config_values, read_record
from bakeoff.runs.results import Environment, Verdict
from bakeoff.runs.writing import PART, explain_disk_errors, replaced_file, write_text
from bakeoff.sections import FORMAT

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


ORPHAN_SECONDS = 30.0
"""Time that the workers of a run that was killed are given to notice it."""


class RunFolder:
    """runs/NAME/: the folder of one bake-off."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.html_report = self.path / "report.html"
        self.markdown_report = self.path / "report.md"
        self._config = self.path / "bakeoff.yaml"
        self._environment = self.path / "environment.json"
        self._data = self.path / "data.json"
        self._verdict = self.path / "verdict.json"
        self._traits = self.path / "traits.json"
        self._contestants = self.path / "contestants"
        self._lock = self.path / LOCK

    def converted_report(self, kind: str) -> Path:
        """Return the file of a report in another format: report.docx."""
        return self.path / f"report.{kind}"

    @property
    def has_report(self) -> bool:
        """True if there is an HTML report, and no link to something else."""
        try:
            return self.html_report.is_file() and not self.html_report.is_symlink()
        except OSError:  # nobody may look
            return False

    @property
    def holds_a_run(self) -> bool:
        return exists(self._config)

    @property
    def begun(self) -> bool:
        """True once one of its contestants has taken a step: before that, an error removes the folder."""
        return self.holds_a_run and any(contestant.begun for contestant in self.contestants())

    @property
    def lost_its_config(self) -> bool:
        """True if there are contestants, but no bakeoff.yaml."""
        return not self.holds_a_run and self._contestants.is_dir()

    @property
    def holds_leftovers_only(self) -> bool:
        """True if there is nothing but the first files of a run that was killed before bakeoff.yaml was written."""
        tables = self.table("train").parent.name
        first = {self._lock.name, self._data.name, self._environment.name, tables, checksums.MANIFEST}
        names = {path.name for path in self.path.iterdir()} if self.path.is_dir() else set()
        return self._lock.name in names and all(name in first or name.endswith(PART) for name in names)

    def must_hold_a_run(self) -> None:
        """Check that this folder is a run that this version of bakeoff can read.

        Raises:
            UserError: there is no run, its config is damaged, or another version of bakeoff wrote it.
        """
        if not self.holds_a_run:
            if self.lost_its_config:
                raise DamagedError(self._config, "is missing", PUT_BACK)
            if self.holds_leftovers_only and self.path.exists():
                raise UserError(
                    f"The run in {self.path} was stopped before it began.", "Start it again: bakeoff run CONFIG -o RUN"
                )
            problem = "holds no run (bakeoff.yaml is missing)" if self.path.exists() else "does not exist"
            near = sorted(str(config.parent) for config in self.path.parent.glob("*/bakeoff.yaml"))
            hint = f"Runs nearby: {', '.join(near)}." if near else "Start one with `bakeoff run sentiment`."
            raise UserError(f"{self.path} {problem}.", hint)
        written = self.config_values().get("format", 1)  # format 1 had no such key
        if written != FORMAT:
            newer = isinstance(written, int) and written > FORMAT
            raise UserError(
                f"{self.path} was written by {'a later' if newer else 'an earlier'} version of bakeoff "
                f"(format {written}); this one reads format {FORMAT}.",
                "Update bakeoff, or run the bake-off again: bakeoff run CONFIG -o NEW"
                if newer
                else "Run it again: bakeoff run CONFIG -o NEW, or read its report.html.",
            )
        contestants = self.config_values().get("contestants")
        if not isinstance(contestants, dict) or not all(map(_NAME.fullmatch, map(str, contestants))):
            raise DamagedError(self._config, "is damaged: it names no contestants")

    def contestant(self, name: str, *, writes: bool = True) -> ContestantFolder:
        """Return the folder of a contestant's first seed; its `repeat` returns those of the others."""
        return ContestantFolder(self._contestants / name, writes=writes)

    def contestants(self) -> list[ContestantFolder]:
        """Return the folders of the contestants, in the order of the config."""
        return [self.contestant(name) for name in self.config_values()["contestants"]]

    def evaluated(self) -> list[ContestantFolder]:
        """Return the folders of the contestants that did not fail, in the order of the config."""
        return [contestant for contestant in self.contestants() if contestant.failure() is None]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder, so that no second process trains in it.

        Raises:
            UserError: another process has locked the folder.
        """
        with contextlib.ExitStack() as stack:
            try:
                with explain_disk_errors(self.path):
                    self.path.mkdir(parents=True, exist_ok=True)
                    self.refuse_links()
                    stack.enter_context(locked(self._lock))
                for training in self._contestants.rglob(LOCK):  # of a run that was killed, and whose workers are ending
                    with locked(training, ORPHAN_SECONDS):
                        pass
            except BlockingIOError:
                raise UserError(f"Another process is working in {self.path}.", "Wait for it, or stop it.") from None
            for part in self.path.rglob(f".*{PART}"):  # of a process that was killed
                if part.is_file():
                    part.unlink()
            yield

    def refuse_links(self) -> None:
        """Check that nothing in the folder is a symbolic link: writing through it would change files elsewhere.

        Trackers keep links of their own in tracking/, which is not looked into.

        Raises:
            UserError: there is one.
        """
        for folder, subfolders, files in os.walk(self.path):
            for path in (Path(folder) / name for name in (*subfolders, *files)):
                if path.is_symlink():
                    raise UserError(
                        f"{path} is a link to {path.readlink()}, which writing into the run would change.",
                        "Replace it with a copy of what it leads to.",
                    )
            subfolders[:] = [name for name in subfolders if name != "tracking"]

    # tables that came from Python

    def table(self, key: str) -> Path:
        """Return the full path of the file of a table that a config holds under `data.KEY`."""
        return (self.path / "data" / f"{key}.parquet").resolve()

    def write_tables(self, tables: Mapping[str, pa.Table]) -> dict[str, Path]:
        """Write tables that came from Python, so that the run can be resumed; return their files by key."""
        for key, table in tables.items():
            with replaced_file(self.table(key)) as temporary:
                # Parquet's nanoseconds cannot be read into Python's times.
                pq.write_table(table, temporary, coerce_timestamps="us", allow_truncated_timestamps=True)
        return {key: self.table(key) for key in tables}

    # config, data, environment, verdict

    def write_config_file(self, values: dict[str, Any]) -> None:
        """Write the file that makes the folder a run, after the checksums of those that were written before."""
        text = _yaml(values)
        files = [file for file in (self._data, self._environment) if file.exists()]
        checksums.write_manifest(self.path, files, texts={self._config.name: text})
        write_text(self._config, text)

    def change_config_file(self, values: dict[str, Any]) -> None:
        """Write another config of a run that has begun."""
        checksums.replace(self._config, _yaml(values))

    def files_of_its_beginning(self) -> dict[str, Path]:
        """Return what a run is before its first training, by name: config, data report, environment, checksums."""
        manifest = self.path / checksums.MANIFEST
        return {file.name: file for file in (self._data, self._environment, manifest, self._config)}

    def files_that_never_change(self) -> dict[str, Path]:
        """Return those of its beginning that tell a run from every other one, by name: data report, environment."""
        return {file.name: file for file in (self._data, self._environment)}

    def config_values(self) -> dict[str, Any]:
        """Read the config of the run, all defaults filled in.

        The file names the tables of the run by their full path when it began; they are where the folder is now.

        Raises:
            UserError: the file is damaged.
        """
        values = read_config_values(self._config)
        data = values.get("data")
        if isinstance(data, dict):
            for key, named in data.items():
                own = self.table(key)
                if str(named).endswith(f"/{own.parent.name}/{own.name}") and own.exists():
                    data[key] = str(own)
        return values

    def write_environment(self, environment: Environment) -> None:
        write_text(self._environment, environment.model_dump_json(indent=2) + "\n")

    def environment(self) -> Environment:
        return read_record(self._environment, Environment)

    def write_data(self, data: DataReport) -> None:
        write_text(self._data, data.model_dump_json(indent=2) + "\n")

    def restore_data(self, data: DataReport) -> bool:
        """Write a damaged data.json again; return False if `data` are not what was written first."""
        text = data.model_dump_json(indent=2) + "\n"
        same = checksums.is_announced(self._data, text)
        if same:
            write_text(self._data, text)
        return same

    def data(self) -> DataReport:
        return read_record(self._data, DataReport)

    @property
    def concluded(self) -> bool:
        """True if there is a verdict."""
        return exists(self._verdict)

    def write_traits(self, traits: TextTraits) -> None:
        text = traits.model_dump_json() + "\n"
        checksums.announce(self._traits, text)
        write_text(self._traits, text)

    def traits(self) -> TextTraits | None:
        """Return what is known of the test texts, or None where nothing was found out (an earlier version)."""
        try:
            return read_record(self._traits, TextTraits) if exists(self._traits) else None
        except DamagedError:
            return None  # the verdict is then without slices

    @property
    def lost_traits(self) -> bool:
        """True if what is known of the test texts was written, and is damaged or missing."""
        return checksums.is_listed(self._traits) and self.traits() is None

    def write_verdict(self, verdict: Verdict) -> None:
        text = verdict.model_dump_json(indent=2) + "\n"
        checksums.announce(self._verdict, text)
        write_text(self._verdict, text)

    def verdict(self) -> Verdict:
        return read_record(self._verdict, Verdict)


def _yaml(values: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    return text
