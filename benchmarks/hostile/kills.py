"""Runs that are killed again and again, in processes of their own, and resumed: they end like one left alone."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bakeoff.runs.folder import RunFolder
from hostile.cases import Case
from hostile.runs import KINDS, Kind, differences, measured, write_config

MOST_KILLS = 4
LONGEST_SECONDS = 600.0
_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_CODES = {0, 2, 130, *(-number for number in _SIGNALS)}  # by the signal itself: before Python runs, and at its end


def killed_runs(choose: random.Random, folder: Path) -> Iterator[Case]:
    """Yield cases without end, one after the other of each kind."""
    whole: dict[str, tuple[Path, float]] = {}
    number = 0
    while True:
        for name, kind in KINDS.items():
            number += 1
            place = folder / f"{name}-{number}"
            place.mkdir()
            config = write_config(kind, place)
            if name not in whole:
                started = time.monotonic()
                code, said = _run(kind, ["run", config, "-o", folder / name], None, signal.SIGKILL)
                if code:
                    yield Case(name, lambda said=said: ("failed", said[-800:]))  # type: ignore[misc]
                    continue
                whole[name] = folder / name, time.monotonic() - started
            yield Case(f"{name}, {number}", _work(choose, kind, config, place / "run", *whole[name]))
            shutil.rmtree(place, ignore_errors=True)


def _work(
    choose: random.Random, kind: Kind, config: Path, run: Path, whole: Path, seconds: float
) -> Callable[[], tuple[str, str]]:
    def work() -> tuple[str, str]:
        kills = choose.randint(1, MOST_KILLS)
        how = []
        for _ in range(kills):
            how.append(choose.choice(_SIGNALS))
            command = _next(config, run)
            code, said = _run(kind, command, choose.uniform(0.2, 1.0) * seconds, how[-1])
            if kind.processes == 1 and ("Traceback" in said or code not in _CODES):  # torchrun prints its own
                return "failed", f"exit code {code} after {[each.name for each in how]}: {said[-800:]}"
        command = _next(config, run)
        code, said = _run(kind, command, None, signal.SIGKILL)
        if code:
            return "failed", f"exit code {code} of the last {command[0]}: {said[-800:]}"
        changed = differences(measured(run), measured(whole))
        return f"the same, {kills} kills", "; ".join(changed)[:500]

    return work


def _next(config: Path, run: Path) -> list[str | Path]:
    """Return the command that continues a run, or begins it."""
    return ["resume", run] if RunFolder(run).holds_a_run else ["run", config, "-o", run]


def _run(kind: Kind, command: list[str | Path], after: float | None, how: signal.Signals) -> tuple[int, str]:
    """Run a command; send it a signal after some seconds. Return its exit code and what it said."""
    program = [sys.executable, "-m", "bakeoff"]
    if kind.processes > 1:
        program = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={kind.processes}"]
        program += [f"--master-port={random.randint(20_000, 60_000)}", "-m", "bakeoff"]
    process = subprocess.Popen(
        [*program, *map(str, command)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        said = process.communicate(timeout=after or LONGEST_SECONDS)[1]
        return process.returncode, said
    except subprocess.TimeoutExpired:
        if kind.processes > 1:  # torchrun and all that it has started
            os.killpg(process.pid, how)
        else:
            process.send_signal(how)
    try:
        said = process.communicate(timeout=60)[1]
        return process.returncode, said
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return -1, f"it did not end within 60 s of {how.name}. {process.communicate()[1]}"
