"""Forecast the steps and the time of a training from its data and a few of its steps."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from bakeoff.sections import Budget
from bakeoff.training import schedule
from bakeoff.training.learner import Learner, TrainingSettings
from bakeoff.training.memory import divided
from bakeoff.training.progress import Progress
from bakeoff.training.steps import take_steps

MEASURED_SECONDS = 4.0
"""Time spent on measuring steps; at least the largest one is measured."""

_QUANTILES = (1.0, 0.0, 0.5, 0.25, 0.75)  # of the step sizes; the largest first, since it needs the most memory

ALIKE = 0.8
"""A step with at least this share of the tokens of the largest counts as equally large."""


@dataclass(frozen=True)
class Course:
    """The length of a training under some budget."""

    steps: int
    tokens: int
    epochs: float


@dataclass(frozen=True)
class MeasuredTraining:
    """The forecast of a training."""

    course: Course
    seconds: float
    evaluations: int
    notes: list[str]


def measure_training(learner: Learner, settings: TrainingSettings, name: str, progress: Progress) -> MeasuredTraining:
    """Count the steps of a training and run a few of them. This changes the weights of the learner's model.

    The steps are taken from the first epoch: only the largest if all are similar in size, otherwise smaller ones, too,
    and the time of sizes in between is interpolated. Steps are repeated while time permits, and the median counts.

    Raises:
        UserError: there is nothing to train on, or not enough memory for a single text.
    """
    steps = learner.steps(1)
    sizes = np.array([_tokens(step) for step in steps])
    chosen = _representative(sizes) if len(sizes) else []
    seconds = _measured_seconds(learner, settings, name, [steps[number] for number in chosen], progress)
    by_size = np.array(sorted(zip(sizes[chosen], seconds, strict=False)))
    step_seconds = float(np.interp(sizes, by_size[:, 0], by_size[:, 1]).mean())
    course = count_course(learner, settings.budget)
    notes = []
    if course is None or course.steps * step_seconds > (settings.budget.seconds or np.inf):
        limit = settings.budget.seconds or 0.0
        taken = max(1, round(limit / step_seconds))
        if course is not None:
            notes.append(f"budget.seconds ends the training after about {taken:,} of {course.steps:,} steps.")
        course = Course(taken, round(taken * float(sizes.mean())), taken / len(sizes))
    return MeasuredTraining(
        course,
        seconds=course.steps * step_seconds,
        evaluations=min(settings.budget.evaluations or math.ceil(course.epochs), course.steps),
        notes=notes,
    )


def count_course(learner: Learner, budget: Budget) -> Course | None:
    """Count the steps and tokens until the epochs or tokens of a budget are spent; None if only seconds limit it."""
    if budget.epochs is None and budget.tokens is None:
        return None
    counted = budget.model_copy(update={"seconds": None})
    per_epoch = [_tokens(step) for step in learner.steps(1)]
    # All epochs have the same texts, and so the same sums: only the last one needs to be stepped through.
    whole = min((budget.epochs or np.inf), np.ceil((budget.tokens or np.inf) / sum(per_epoch))) - 1
    steps, tokens, epoch = int(whole) * len(per_epoch), int(whole) * sum(per_epoch), int(whole) + 1
    for number, step in enumerate(learner.steps(epoch), start=1):
        steps, tokens = steps + 1, tokens + _tokens(step)
        epochs = epoch - 1 + number / len(per_epoch)
        if schedule.spent(counted, epochs=epochs, tokens=tokens, seconds=0.0)[0] >= 1:
            break
    return Course(steps, tokens, epochs)


def _measured_seconds(
    learner: Learner, settings: TrainingSettings, name: str, steps: Sequence[Sequence[Any]], progress: Progress
) -> list[float]:
    """Return the seconds of each step, or of the first few; the median where a step was repeated."""
    taken: list[list[float]] = [[] for _ in steps]
    # The very first step is slow (memory is allocated, kernels are chosen), so a single text warms up.
    texts = [part for step in steps[:1] for batch in step for part in divided(batch, 1)]
    warm_up = [max(texts, key=lambda text: text.tokens)] if texts else []
    endless = (steps[number % len(steps)] for number in range(1_000_000))
    lines = take_steps(learner, settings, name, itertools.chain([warm_up], endless), progress)
    began = next(lines).seconds
    started = time.perf_counter()
    for number, line in enumerate(lines):
        taken[number % len(steps)].append(line.seconds - began)
        began = line.seconds
        share = (time.perf_counter() - started) / MEASURED_SECONDS
        progress.stage("measuring steps", min(1.0, share))
        if share >= 1 and number + 1 >= min(2, len(steps)):
            break
    return [median(times) for times in taken if times]


def _representative(sizes: np.ndarray[Any, Any]) -> list[int]:
    """Return the indices of the steps to measure."""
    order = np.argsort(sizes, kind="stable")
    if sizes[order[len(order) // 10]] >= ALIKE * sizes.max():
        return [int(order[-1])]
    return list(dict.fromkeys(int(order[round(share * (len(order) - 1))]) for share in _QUANTILES))


def _tokens(step: Sequence[Any]) -> int:
    return sum(batch.tokens for batch in step)
