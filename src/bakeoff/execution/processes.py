"""Carry out trainings side by side in processes of this machine, which share its cores, memory and GPUs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Pipe, wait
from pathlib import Path

from bakeoff import machine
from bakeoff.errors import UserError
from bakeoff.execution.messages import deliver
from bakeoff.execution.schedule import GRACE_SECONDS, Assignment, Ended, Executor, Job, LostError
from bakeoff.execution.worker import Share
from bakeoff.training.progress import Progress


class Processes(Executor):
    """As many processes as there are workers. Each carries out one training after the other."""

    def __init__(self, workers: int, assignment: Assignment) -> None:
        """
        Raises:
            UserError: this system cannot hand a connection to a new process.
        """
        if sys.platform == "win32":
            raise UserError("--workers needs Linux or macOS.", "Run without it.")
        cores = machine.own_cores()
        self.at_once = workers
        self.threads = threads_for_each(len(cores) or os.cpu_count() or 1, workers)
        self._assignment = assignment
        self._workers: list[_Worker] = []
        self._shares = [
            Share(_part(cores, number, workers), machine.available_memory_bytes() // workers)
            for number in range(workers)
        ]
        self._gpus = _gpus()

    def has_room(self) -> bool:
        return sum(worker.job is not None for worker in self._workers) < self.at_once

    def start(self, job: Job, progress: Progress) -> None:
        worker = next((worker for worker in self._workers if worker.job is None), None)
        if worker is None:
            number = min(set(range(self.at_once)) - {worker.number for worker in self._workers})
            worker = _Worker(number, self._assignment, self._shares[number], self._environment(number))
            self._workers.append(worker)
        worker.begin(job, progress)

    def wait(self) -> Iterator[tuple[Job, Ended | Exception]]:
        by_connection = {worker.connection: worker for worker in self._workers}
        for connection in wait(by_connection):
            worker = by_connection[connection]  # type: ignore[index]
            job, news = worker.job, worker.news()
            if isinstance(news, LostError):
                self._workers.remove(worker)
                worker.end()
            if job is not None and news is not None:
                yield job, news

    def stop(self) -> None:
        for worker in self._workers:
            worker.interrupt()
        deadline = time.monotonic() + GRACE_SECONDS
        for worker in self._workers:
            worker.wait(deadline)

    def close(self) -> None:
        for worker in self._workers:
            worker.end()

    def _environment(self, number: int) -> dict[str, str]:
        path = os.pathsep.join(dict.fromkeys(str(Path(entry).absolute()) for entry in sys.path))
        own = {"PYTHONPATH": path, "OMP_NUM_THREADS": str(self.threads)}
        if self._gpus:
            own["CUDA_VISIBLE_DEVICES"] = self._gpus[number % len(self._gpus)]
        return own


def threads_for_each(cores: int, trainings: int) -> int:
    """Return how many threads each of several trainings gets: what OMP_NUM_THREADS asks for, or its share of cores."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) else max(1, cores // trainings)


class _Worker:
    """A process, and what it works on."""

    def __init__(self, number: int, assignment: Assignment, share: Share, environment: Mapping[str, str]) -> None:
        self.number = number
        self.job: Job | None = None
        self.connection, theirs = Pipe()
        self._progress = Progress()
        self._ready = False
        with contextlib.closing(theirs):
            self._process = subprocess.Popen(
                # In a session of its own, so that Ctrl-C reaches it from this process only, and only once.
                [sys.executable, "-P", "-m", "bakeoff.execution.worker", str(theirs.fileno())],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.connection.send((assignment, share))

    def begin(self, job: Job, progress: Progress) -> None:
        self.job, self._progress = job, progress
        with contextlib.suppress(OSError):  # it has died, which `news` will tell
            self.connection.send(job.number)

    def news(self) -> Ended | Exception | None:
        """Read a message. Return the end of the training, if it is one."""
        try:
            kind, values = self.connection.recv()
        except (EOFError, OSError):
            return LostError(f"Its process {self._how_it_died()}.")
        if kind == "ready":
            self._ready = True
        elif kind == "ended":
            self.job = None
            ended: Ended | Exception = values
            return ended
        elif kind == "stopped":
            return LostError("Its process was interrupted.")
        else:
            deliver(self._progress, kind, values)
        return None

    def interrupt(self) -> None:
        if self._ready and self.job is not None:
            self._process.send_signal(signal.SIGINT)
        else:
            self._process.kill()  # there is nothing to write

    def wait(self, deadline: float) -> None:
        """Wait until the process has stopped; kill it at the deadline."""
        with contextlib.suppress(EOFError, OSError):  # it has died
            while self.connection.poll(max(0.0, deadline - time.monotonic())):
                if self.connection.recv()[0] in ("ended", "stopped"):
                    break

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.send(None)
        try:
            self._process.wait(0 if self.job else 5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.connection.close()

    def _how_it_died(self) -> str:
        code = self._process.wait()
        if code == -signal.SIGKILL:
            return "was killed, perhaps because memory ran out"
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended unexpectedly with code {code}"


def _part(cores: list[int], number: int, parts: int) -> list[int]:
    share = len(cores) // parts
    if cores and not share:
        return [cores[number % len(cores)]]
    return cores[number * share : (number + 1) * share]


def _gpus() -> list[str]:
    """Return the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return [name for name in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if name]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]
