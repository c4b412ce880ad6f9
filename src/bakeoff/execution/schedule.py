"""Decide which training comes next. Executors carry the trainings out; this module is the same for all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Self

from bakeoff.environment import current_environment
from bakeoff.errors import UserError
from bakeoff.runs.results import ContestantResult, Environment
from bakeoff.training.progress import Progress

MOST_LOSSES = 3
"""How often the process of a training may die before the bake-off is given up."""


@dataclass(frozen=True)
class Ended:
    """The end of a training: its result, or why it has none; neither for a trial, which belongs to a search."""

    result: ContestantResult | None = None
    failure: str = ""


@dataclass(frozen=True)
class Job:
    """A training of a bake-off, and what is known of it before it starts."""

    number: int  # from 1, in the order of the config
    label: str
    needs: frozenset[int] = frozenset()  # numbers of the trainings that must have ended before
    ended: Ended | None = None  # in an earlier session
    uses_gpu: bool = True
    memory_bytes: int = 0  # forecast; 0: unknown
    seconds: float = 0.0  # forecast; the longest start first


@dataclass(frozen=True)
class Assignment:
    """What a worker calls: the function `target(folder, session, number of the training, progress)`, as "module:name".

    It reads the config and the data from the run folder, once per session, and returns an `Ended`.
    """

    target: str
    folder: str
    session: str


GRACE_SECONDS = 60.0
"""Time that interrupted trainings have to end their step and write a checkpoint."""


class LostError(Exception):
    """The process that carried out a training has died, or the machine that it ran on."""


class Executor(ABC):
    """A place where trainings are carried out. Use it in a `with` block."""

    threads: int | None = None  # of each training; None: as many as in this process
    at_once: int = 1  # trainings that can run at the same time
    side_by_side: ClassVar[bool] = True  # False: one after the other

    def environment(self) -> Environment:
        """Describe the machine and its software, as trainings find them."""
        return current_environment(self.threads, self.at_once)

    @abstractmethod
    def has_room(self) -> bool:
        """Return whether another training can be started now."""

    @abstractmethod
    def start(self, job: Job, progress: Progress) -> None:
        """Start a training, whose process reports to `progress` while somebody is in `wait`."""

    @abstractmethod
    def wait(self) -> Iterator[tuple[Job, Ended | Exception]]:
        """Wait for news of the trainings that have been started, and yield those that have ended.

        An error is that of the training, or a `LostError`.
        """

    @abstractmethod
    def stop(self) -> None:
        """Interrupt what is running, and wait until it has written its checkpoints."""

    @abstractmethod
    def close(self) -> None:
        """Free what the executor holds; what is still running is killed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def carry_out(jobs: Sequence[Job], executor: Executor, progress: Progress) -> None:
    """Carry out all trainings: each as soon as those that it needs have ended and there is room.

    A training whose process dies starts again, from its last checkpoint, in another one.

    Raises:
        UserError: that of a training; or the process of one has died too often. The others are stopped first, so that
            the run can be resumed.
    """
    # One after the other, they keep their order: under torchrun, processes without a forecast follow it.
    waiting = sorted(jobs, key=lambda job: -job.seconds) if executor.side_by_side else list(jobs)
    ended: set[int] = set()
    receivers: dict[int, Progress] = {}  # of the trainings that are running
    losses: Counter[int] = Counter()

    def end(job: Job, how: Ended, receiver: Progress) -> None:
        ended.add(job.number)
        if how.result is not None:
            receiver.result(how.result)
        elif how.failure and how is not job.ended:
            receiver.message(how.failure)
        receiver.end()

    try:
        while waiting or receivers:
            job = next((job for job in waiting if job.needs <= ended), None)
            if job is not None and (job.ended is not None or executor.has_room()):
                waiting.remove(job)
                receiver = receivers.get(job.number)  # there is one if its process died
                receiver = receiver or _receiver(progress, job, len(jobs), side_by_side=executor.side_by_side)
                if job.ended is not None:
                    end(job, job.ended, receiver)
                else:
                    receivers[job.number] = receiver
                    executor.start(job, receiver)
                continue
            for job, how in executor.wait():
                if isinstance(how, LostError) and losses[job.number] < MOST_LOSSES:
                    losses[job.number] += 1
                    receivers[job.number].message(f"{how} The training goes on from its last checkpoint.")
                    waiting.insert(0, job)
                elif isinstance(how, LostError):
                    raise UserError(
                        f"{job.label} was given up, because its process died {MOST_LOSSES + 1} times. {how}",
                        "If memory was short, let fewer trainings run at the same time: bakeoff resume RUN --workers 1",
                    )
                elif isinstance(how, Exception):
                    raise how
                else:
                    end(job, how, receivers.pop(job.number))
    except BaseException:
        executor.stop()
        raise


def _receiver(progress: Progress, job: Job, total: int, *, side_by_side: bool) -> Progress:
    if side_by_side:
        return progress.side_by_side(job.label, job.number, total)
    progress.contestant(job.label, job.number, total)
    return progress
