"""Carry out trainings in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

from bakeoff.execution.schedule import Ended, Executor, Job
from bakeoff.training.progress import Progress


class InProcess(Executor):
    """This process. Under torchrun, the others follow in the same order."""

    side_by_side: ClassVar[bool] = False

    def __init__(self, train: Callable[[int, Progress], Ended]) -> None:
        """
        Args:
            train: Carries out the training with a number.
        """
        self._train = train
        self._ended: list[tuple[Job, Ended | Exception]] = []

    def has_room(self) -> bool:
        return not self._ended

    def start(self, job: Job, progress: Progress) -> None:
        self._ended.append((job, self._train(job.number, progress)))

    def wait(self) -> Iterator[tuple[Job, Ended | Exception]]:
        yield self._ended.pop()

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass
