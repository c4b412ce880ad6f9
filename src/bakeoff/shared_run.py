"""Carry out trainings on machines that share no disk: what each reads and writes goes through a storage.

The machine of the command puts there what the run is: config, record of the data, data files, local models. Another one
makes a copy of that, gets what a training builds on, and pushes its checkpoints and results. The machine of the command
collects them, so that its run folder ends up complete. The config of a copy names its own data files; models and the
files of contestants keep their names, which are saved with what is trained.
"""

from __future__ import annotations

import functools
import os
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import xxhash

from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.config.load import load_config
from bakeoff.config.paths import contestants_paths, folder_of_pattern, with_moved_data, with_moved_paths
from bakeoff.copied_files import copied
from bakeoff.elsewhere import train
from bakeoff.errors import UserError
from bakeoff.execution.exchange import LOGS, Exchange
from bakeoff.execution.schedule import Ended
from bakeoff.runs.contestant_folder import ENDS
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.locking import LOCK
from bakeoff.runs.writing import PART
from bakeoff.tasks.base import Contestant
from bakeoff.training.progress import Progress
from bakeoff.trainings import describe, list_trainings

_BEGINNING, _FILES = "run", "files"
"""Units of the exchange: what a run is before its first training, and the files that its config names."""


class SharedRun:
    """The files of a run in a storage, seen from the machine of the command."""

    def __init__(self, storage: str, folder: RunFolder, config: BakeoffConfig) -> None:
        """
        Args:
            storage: The folder of the store; the run gets one of its own in it, of its name.

        Raises:
            UserError: the storage cannot be used, or a contestant runs code of this machine.
        """
        for name, settings in config.contestants.items():
            if settings.reads_code:
                raise UserError(
                    f"{name} runs code of this machine, which --storage does not carry.",
                    "Put the run and the code on a disk that all machines share, and leave --storage out.",
                )
        self.url = f"{storage.rstrip('/')}/{folder.path.resolve().name}"
        self.published = False
        self._exchange = Exchange(self.url)
        self._folder = folder
        self._contestants = list_trainings(folder, config)

    def must_be_free(self) -> None:
        """Check that a new run can begin in the storage.

        Raises:
            UserError: it holds a run of this name.
        """
        if self._exchange.index(_BEGINNING):
            raise UserError(
                f"{self.url} already holds a run.",
                f"Continue it where it began: bakeoff resume {shlex.quote(str(self._folder.path))} --on ... "
                "--storage ... "
                "Or give another name with -o, or another --storage.",
            )

    def fetch(self) -> None:
        """Get what was trained since this machine last heard of it.

        Raises:
            UserError: the storage holds another run, or cannot be read.
        """
        here = self._folder.files_that_never_change()
        if self._exchange.index(_BEGINNING) and self._exchange.differs(_BEGINNING, here):
            raise UserError(f"{self.url} holds another run.", "Give the --storage that this run began with.")
        for number, contestant in enumerate(self._contestants, start=1):
            if contestant.own_folder.ended:
                continue
            unit = self._exchange.index(_unit(number))
            own = own_files(self._folder, contestant, self._contestants)
            logged_there = sum(size for name, (size, _) in unit.items() if name.endswith(LOGS))
            if logged_there >= sum(path.stat().st_size for name, path in own.items() if name.endswith(LOGS)):
                self._exchange.pull(_unit(number), self._folder.path)

    def publish(self) -> None:
        """Put the run, and what has been trained of it, into the storage."""
        config = load_config(self._folder.config_values())  # with its full paths
        self._exchange.push(_FILES, lambda: _named_files(config))
        for number, contestant in enumerate(self._contestants, start=1):
            files = functools.partial(own_files, self._folder, contestant, self._contestants)
            if files():
                self._exchange.push(_unit(number), files)
        self.published = True  # even if the next line fails, which may be after it has written
        self._exchange.push(_BEGINNING, self._folder.files_of_its_beginning)

    def collect(self, number: int) -> None:
        """Get what a training has written."""
        self._exchange.pull(_unit(number), self._folder.path)
        own = self._contestants[number - 1].own_folder
        if own.ended:
            own.remove_scaffolding()


@dataclass(frozen=True)
class _Copy:
    """A copy of a run on a machine of the cluster, which its process keeps for a session."""

    exchange: Exchange
    home: tempfile.TemporaryDirectory[str]  # removed with the process
    folder: RunFolder
    config: BakeoffConfig
    files: dict[str, str]  # where the files and folders are that contestants name


def train_copy(url: str, session: str, number: int, progress: Progress) -> Ended:
    """Carry out one training of a run in a copy of it; see `bakeoff.elsewhere.train`.

    Args:
        url: The run in the storage.
    """
    copy = _copied(url, session)
    contestants = list_trainings(copy.folder, copy.config)
    for each in sorted(_with_needed(copy.config, contestants, number)):
        copy.exchange.pull(_unit(each), copy.folder.path)
    contestant = contestants[number - 1]
    own = functools.partial(own_files, copy.folder, contestant, contestants)
    with copied(copy.files), copy.exchange.pushing(_unit(number), own):
        return train(str(copy.folder.path), session, number, progress)


@functools.lru_cache(maxsize=1)
def _copied(url: str, session: str) -> _Copy:
    """Return a copy of what a run is, in which the config names this machine's paths of the data."""
    home = tempfile.TemporaryDirectory(prefix="bakeoff-")
    exchange, files = Exchange(url), Path(home.name).resolve() / "files"
    folder = RunFolder(Path(home.name) / url.rpartition("/")[2])
    exchange.pull(_FILES, files)
    exchange.pull(_BEGINNING, folder.path)
    folder.must_hold_a_run()

    def here(path: str) -> str:
        if (own := files / _name(path)).exists():
            return str(own)
        parent = folder_of_pattern(path)
        if parent is not None and (there := files / _name(str(parent))).exists():
            return str(there / Path(path).relative_to(parent))
        return path

    config = with_moved_data(load_config(folder.config_values()), here)
    folder.write_config_file(config.model_dump(mode="json"))
    named = {path: here(path) for path in contestants_paths(config)}
    return _Copy(exchange, home, folder, config, {path: copy for path, copy in named.items() if copy != path})


def own_files(folder: RunFolder, contestant: Contestant, contestants: Sequence[Contestant]) -> dict[str, Path]:
    """Return the files that a training alone writes, by their path from the run folder.

    Those that say that others are complete come last, so that nobody reads them who has not got the others.
    """
    own = contestant.own_folder.path
    others = {other.own_folder.path for other in contestants} - {own}
    found: dict[str, Path] = {}
    for parent, folders, names in os.walk(own):
        folders[:] = [name for name in folders if Path(parent, name) not in others and not name.endswith(PART)]
        for path in (Path(parent, name) for name in names if name != LOCK and not name.endswith(PART)):
            if path.is_file() and not path.is_symlink():
                found[path.relative_to(folder.path).as_posix()] = path
    return dict(sorted(found.items(), key=lambda file: (file[1].name in ENDS, -len(file[1].parts))))


def _with_needed(config: BakeoffConfig, contestants: Sequence[Contestant], number: int) -> set[int]:
    """Return the numbers of a training, of those that it builds on, and of those that they build on."""
    needed, new = {number}, {number}
    while new:
        new = set().union(*(describe(config, contestants, each, None).needs for each in new)) - needed
        needed |= new
    return needed


def _named_files(config: BakeoffConfig) -> dict[str, Path]:
    """Return the files on this machine that a config names, those in folders that it names, too."""
    found: dict[str, Path] = {}

    def take(path: str) -> str:
        local = Path(path)
        if local.is_file():  # also where its name could be a pattern, such as "reviews[1].csv"
            found[_name(path)] = local
        elif local.is_dir():
            inside = (file for file in local.rglob("*") if file.is_file())
            found.update({f"{_name(path)}/{file.relative_to(local).as_posix()}": file for file in inside})
        elif (parent := folder_of_pattern(path)) is not None:
            matching = (file for file in parent.glob(str(local.relative_to(parent))) if file.is_file())
            found.update({f"{_name(str(parent))}/{file.relative_to(parent).as_posix()}": file for file in matching})
        return path

    with_moved_paths(config, take)
    return found


def _name(path: str) -> str:
    """Return where a file or folder is in a unit. What a pattern matches is in that of its folder."""
    return f"{xxhash.xxh3_64_hexdigest(path.encode())}/{Path(path).name}"


def _unit(number: int) -> str:
    return f"trainings/{number}"
