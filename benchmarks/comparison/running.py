"""Run measurements, each in its own process, one after another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from comparison.parts import Part
from peers.job import Job, Measured

FOLDER = Path(__file__).parents[1]
TIME_LIMIT = 3600.0
"""Seconds that a single measurement may take."""


@dataclass
class Outcome:
    """Results of one contender: its repetitions, or the reason why there are none."""

    job: Job
    repetitions: list[Measured] = field(default_factory=list)
    failure: str | None = None


def run_job(job: Job) -> Measured | str:
    """Measure in a process of its own; what went wrong, in words, where there is no figure."""
    environment = {
        "OMP_PROC_BIND": "true",  # bakeoff sets it for itself; its peers shall not suffer from wandering threads
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    command = [sys.executable, "-m", "peers.worker", json.dumps(asdict(job))]
    try:
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"took more than {TIME_LIMIT:.0f} s"
    if ended.returncode == -signal.SIGKILL:
        return "killed by the system, most likely out of memory"
    if ended.returncode:
        lines = ended.stderr.strip().splitlines()
        return lines[-1] if lines else f"ended with exit code {ended.returncode}"
    answer = json.loads(ended.stdout.strip().splitlines()[-1])
    return Measured(**answer["measured"]) if "measured" in answer else str(answer["not_available"])


def run_part(part: Part, say: Callable[[str], None]) -> dict[str, Outcome]:
    """Measure all contenders in turn, in reverse order every other time, so that drift of the machine affects all."""
    outcomes = {name: Outcome(job) for name, job in part.contenders.items()}
    for repetition in range(part.repetitions):
        for name, outcome in list(outcomes.items())[:: -1 if repetition % 2 else 1]:
            if outcome.failure:
                continue
            found = run_job(outcome.job)
            if isinstance(found, str):
                outcome.failure = found
                say(f"{part.name}: {name}: {found}")
            else:
                outcome.repetitions.append(found)
                say(
                    f"{part.name}: {name}, {repetition + 1} of {part.repetitions}: "
                    f"{found.seconds:.2f} s, {found.per_second:.1f} {part.counted} / s"
                )
    return outcomes
