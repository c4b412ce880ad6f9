"""Runs that are killed again and again and resumed: they end like one that was left alone, to the last bit.

Half of the kills hit a random moment, half a random change of a file. With several processes, that change may be a
worker's: then the worker dies, and the run must go on without it. At a random moment, either all processes of a command
are killed or only the one that has started the others, which must then end by themselves.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bakeoff.packages import missing_modules
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.locking import LOCK, lock_file
from hostile.cases import Case, Maker, Outcome
from hostile.forks import type_command
from hostile.runs import KINDS, Kind, concluded, differences, measured, models, write_config
from hostile.watching import TALLY, for_processes

MOST_KILLS = 8
_SCAFFOLDING = ("checkpoint", "stages", "trials")  # of trainings that have not ended
MOST_SURVIVED = 2  # times that a command ends before it is killed, after which little is left to kill
LONGEST_SECONDS = 300.0  # of a run, on a busy machine
GONE_SECONDS = 20.0  # after the end of a command, until all of its processes must have ended, on a busy machine
_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_CODES = {0, 2, 130, *(-number for number in _SIGNALS)}  # by the signal itself: before Python runs, and at its end


@dataclass(frozen=True)
class Whole:
    """A run that was left alone."""

    path: Path
    seconds: float
    changes: int  # of files


def killed_runs(folder: Path, only: Sequence[str] = ()) -> Iterator[Maker]:
    """Yield a maker of cases for each kind in turn, without end."""
    whole: dict[str, Whole | str] = {}

    def maker(name: str) -> Maker:
        def make(choose: random.Random, place: Path) -> Case:
            if name not in whole:
                whole[name] = _left_alone(KINDS[name], folder / f"whole-{name}")
            known = whole[name]
            if isinstance(known, str):
                return Case(name, "left alone", lambda: Outcome("failed", known))
            return Case(name, "killed", lambda: _kill(choose, KINDS[name], place, known))

        return make

    names = [name for name in only or KINDS if name != "ray" or not missing_modules("ray")]
    return (maker(name) for name in itertools.cycle(names))


def _left_alone(kind: Kind, folder: Path) -> Whole | str:
    folder.mkdir()
    config, started = write_config(kind, folder), time.monotonic()
    how = _run(kind, ["run", config, "-o", folder / "run"], config, folder / "run")
    if how.code:
        return f"exit code {how.code} of the run that was left alone: {how.said[-800:]}"
    return Whole(folder / "run", time.monotonic() - started, how.changes)


def _kill(choose: random.Random, kind: Kind, place: Path, whole: Whole) -> Outcome:
    config, run = whole.path.parent / "config.yaml", place / "run"  # with the same files, which results name
    story: list[str] = []
    kills = survived = 0
    wanted = choose.randint(1, MOST_KILLS)
    while kills < wanted and survived < MOST_SURVIVED:
        command = _next(config, run)
        if choose.random() < 0.5:
            at = int(whole.changes ** choose.random())  # early ones more often: a resume has fewer of them
            story.append(f"{command[0]}, SIGKILL at change {at}")
            ended = _run(kind, command, config, run, dies_at=at)
        else:
            how, after = choose.choice(_SIGNALS), choose.uniform(0.05, 1.0) * whole.seconds
            to_all = not kind.alone and choose.random() < 0.5
            story.append(f"{command[0]}, {how.name}{' to all its processes' if to_all else ''} after {after:.2f} s")
            ended = _run(kind, command, config, run, signal_=(after, how), to_all=to_all)
        kills += ended.killed
        survived += ended.code == 0
        if ended.left:
            return Outcome("left at work", f"{ended.left} ({'; '.join(story)})", kills)
        torn = kind.processes > 1  # torchrun prints a traceback of its own
        if not torn and ("Traceback" in ended.said or ended.code not in _CODES):
            return Outcome("failed", f"exit code {ended.code} ({'; '.join(story)}): {ended.said[-800:]}", kills)
    command = _next(config, run)
    ended = _run(kind, command, config, run)
    if ended.left:
        return Outcome("left at work", f"{ended.left} after the last {command[0]} ({'; '.join(story)})", kills)
    if ended.code:
        said = f"exit code {ended.code} of the last {command[0]} ({'; '.join(story)}): {ended.said[-800:]}"
        return Outcome("failed", said, kills)
    changed = differences(measured(run), measured(whole.path)) or differences(models(run), models(whole.path), "models")
    changed = changed or differences(concluded(run), concluded(whole.path), "verdict")
    if changed:
        return Outcome("different", f"{'; '.join(changed)[:500]} ({'; '.join(story)})", kills)
    left = [path for path in run.rglob("*") if path.name.endswith((".part", ".old")) or path.name in _SCAFFOLDING]
    if left:
        return Outcome("left files behind", f"{left[:5]} ({'; '.join(story)})", kills)
    return Outcome("identical", "", kills)


def _next(config: Path, run: Path) -> list[str | Path]:
    """Return the command that continues a run, or begins it."""
    return ["resume", run] if RunFolder(run).holds_a_run else ["run", config, "-o", run]


@dataclass(frozen=True)
class _Ended:
    code: int
    said: str
    changes: int = 0
    dies_at: int | None = None
    left: str = ""  # what outlived the command

    @property
    def killed(self) -> bool:
        """True if it was killed, or one of its processes, after which it may have gone on."""
        return self.code != 0 or (self.dies_at is not None and self.changes >= self.dies_at)


def _run(
    kind: Kind,
    command: list[str | Path],
    config: Path,
    run: Path,
    *,
    dies_at: int | None = None,
    signal_: tuple[float, signal.Signals] | None = None,
    to_all: bool = False,
) -> _Ended:
    """Run a command.

    Args:
        dies_at: Whichever process makes this change of a file is killed before it.
        signal_: To send, and after how many seconds.
        to_all: Send it to all processes of the command, and not only to the first.
    """
    if kind.alone:
        typed = type_command(
            command,
            seconds=LONGEST_SECONDS,
            inside=config.parent,
            watched=run,
            dies_at=dies_at,
            signals=[signal_] if signal_ else [],
        )
        return _Ended(typed.code, typed.err, typed.changes, dies_at)
    with tempfile.NamedTemporaryFile("r") as tally:
        watched = for_processes(run, tally.name, dies_at)
        code, said = _run_processes(kind, [*command, *kind.options], config.parent, signal_, to_all, watched)
        left = outlived(run, tally.name)
        return _Ended(code, said, len(tally.read()), dies_at, left)


def _run_processes(
    kind: Kind,
    command: list[str | Path],
    place: Path,
    signal_: tuple[float, signal.Signals] | None,
    to_all: bool,
    watched: dict[str, str],
) -> tuple[int, str]:
    """Start a command that starts processes of its own; return its exit code and its words."""
    program = [sys.executable, "-m", "bakeoff"]
    if kind.processes > 1:
        program = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        program += [f"--nproc-per-node={kind.processes}", "-m", "bakeoff"]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as err:  # a pipe ends with its last writer
        process = subprocess.Popen(
            [*program, *map(str, command)],
            stdout=subprocess.DEVNULL,
            stderr=err,
            start_new_session=True,
            cwd=place,
            env={**os.environ, "OMP_NUM_THREADS": "1", **watched},
        )
        patience, late = LONGEST_SECONDS, ""
        try:
            if signal_ is not None:
                patience, how = signal_
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(patience)
                if process.poll() is None:
                    send(how, watched[TALLY] if to_all else "", process)
                patience = 90.0
            process.wait(patience)
        except subprocess.TimeoutExpired:
            late = f"it did not end within {patience:g} s. "
            send(signal.SIGKILL, watched[TALLY], process)
            process.wait()
        err.seek(0)
        return (-1 if late else process.returncode), late + err.read()


def send(how: signal.Signals, tally: str, process: subprocess.Popen[bytes]) -> None:
    """Send a signal to a command, and to all of its other processes if it is known by a tally."""
    others = processes_of(tally) if tally else []
    process.send_signal(how)
    for other in others:
        if other.pid != process.pid:
            with contextlib.suppress(psutil.NoSuchProcess):
                other.send_signal(how)


def processes_of(tally: str) -> list[psutil.Process]:
    """Return the processes of a command, whatever session they are in and whoever is their parent by now."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(TALLY) == tally:  # Ray's workers write their titles over it
                found |= {each.pid: each for each in (process, *process.children(recursive=True))}
    return list(found.values())


def outlived(run: Path, tally: str) -> str:
    """Return what is left of a command for more than a few seconds after its end, and end it."""
    deadline = time.monotonic() + GONE_SECONDS
    while (left := processes_of(tally)) or any(map(is_locked, run.rglob(LOCK))):
        if time.monotonic() >= deadline:
            held, words = [str(lock) for lock in run.rglob(LOCK) if is_locked(lock)], []
            for process in left:
                with contextlib.suppress(psutil.Error):
                    words.append(" ".join(process.cmdline())[-100:])
                    process.kill()
            return f"after {GONE_SECONDS:g} s there were still {words}, locked: {held}"
        time.sleep(0.1)
    return ""


def is_locked(path: Path) -> bool:
    """Return whether a process has locked an existing file."""
    with contextlib.suppress(FileNotFoundError):
        handle = os.open(path, os.O_RDWR)
        try:
            lock_file(handle)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
    return False
