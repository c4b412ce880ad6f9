"""Training curves, from logs that grow while a page watches."""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Iterable
from pathlib import Path

from bakeoff.errors import UserError
from bakeoff.runs.contestant_folder import ContestantFolder, parse_metrics
from bakeoff.runs.reading import explained_damage
from bakeoff.runs.results import EpochLine, StepLine
from bakeoff.serve.shapes import CurvePoint, Curves

MOST_POINTS = 200
"""Points of a training curve. More would be indistinguishable on a screen."""


class TrainingLog:
    """What a chart needs of a training log so far: of its steps, which can be a hundred thousand, only numbers."""

    def __init__(self) -> None:
        self.end = 0
        self.ending = b""  # the last line before `end`
        self._tokens, self._losses = array("q"), array("d")
        self._last: StepLine | None = None
        self._evaluations: list[EpochLine] = []

    def add(self, lines: Iterable[StepLine | EpochLine]) -> None:
        for line in lines:
            if isinstance(line, StepLine):
                self._tokens.append(line.tokens)
                self._losses.append(line.loss)
                self._last = line
            else:
                self._evaluations.append(line)

    def curves(self, contestant: str) -> Curves | None:
        """Return the training curves with at most `MOST_POINTS` points; None before the first step."""
        last = self._last
        if last is None:
            return None
        evaluations = self._evaluations
        size = math.ceil(len(self._losses) / MOST_POINTS)
        starts = range(0, len(self._losses), size)
        parts = [(self._tokens[start : start + size], self._losses[start : start + size]) for start in starts]
        return Curves(
            contestant=contestant,
            step=last.step,
            epoch=last.epoch,
            tokens_per_second=last.tokens / last.seconds if last.seconds else None,
            training=[
                CurvePoint(tokens=tokens[-1], loss=finite(sum(losses) / len(losses))) for tokens, losses in parts
            ],
            validation=[CurvePoint(tokens=line.tokens, loss=finite(line.validation_loss)) for line in evaluations],
            validation_accuracy=evaluations[-1].validation_accuracy if evaluations else None,
        )


class CurvesReader:
    """The training curves of a run. Of a log that has grown, only the new lines are read."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[int, TrainingLog]] = {}  # with the size of the file
        self._lock = threading.Lock()  # several clients may ask at once

    def __call__(self, contestant: ContestantFolder) -> Curves | None:
        """Return the curves of a contestant; None before its first step, or if its log is damaged."""
        with self._lock:
            try:
                folder = contestant.latest
                size = folder.metrics_size()
            except UserError:
                return None
            known, log = self._known.get(folder.path, (0, TrainingLog()))
            if size != known:
                try:
                    log = _read(folder, log if size > known else TrainingLog())
                except UserError:
                    log = TrainingLog()
                self._known[folder.path] = size, log
            return log.curves(contestant.name)


def _read(folder: ContestantFolder, log: TrainingLog) -> TrainingLog:
    """Return a log with what has been written since it was read."""
    content = folder.metrics_from(log.end - len(log.ending))
    if not content.startswith(log.ending):  # a resume has cut the file, and has written more than was cut
        return _read(folder, TrainingLog())
    new = content[len(log.ending) :]
    with explained_damage(folder.path):
        lines = parse_metrics(new)
    log.add(lines)
    log.end += len(new)
    log.ending = content[content.rfind(b"\n", 0, -1) + 1 :]
    return log


def finite(value: float | None) -> float | None:
    """Return None for infinity and NaN, which JSON does not have."""
    return value if value is not None and math.isfinite(value) else None
