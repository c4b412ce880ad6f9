"""`learning_rate: auto`: a few short trainings from the same start, of which held-out training text chooses one.

A learning-rate range test (Smith 2017) raises the rate step by step within one training. With the dozen steps that a
small budget can spare, such a curve says more about the batches than about the rate. So each rate gets a training of
its own here: from the same weights, on the same batches with the same random numbers, with the schedule of the real
training in miniature; the losses on the same held-out steps differ by nothing but the rate then. The rates lie half a
power of ten apart. The search climbs from where it starts to the lowest loss, in three to six trials; a parabola
through the best trial and its neighbors reads the minimum between them. docs/explanation/lora.md says what speaks for
that, in metrics.

Everything is as it was afterwards: weights, optimizer and random numbers. Only training steps are looked at, never the
validation or the test side.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from bakeoff.errors import UserError
from bakeoff.runs.results import RangeTest
from bakeoff.sections import Budget
from bakeoff.training import distributed
from bakeoff.training.learner import Learner, TrainingSettings
from bakeoff.training.precision import MasterWeights
from bakeoff.training.progress import Progress

TRIALS = 6
"""Rates that are tried at most."""

STEPS = 12
"""Steps of all trials together, at most; or a tenth of the training's steps where that is more."""

SPACING = math.sqrt(10)

Steps = Sequence[Sequence[Any]]


class DivergedError(UserError):
    """The loss is not a number any more."""


def find_learning_rate(
    learner: Learner,
    settings: TrainingSettings,
    weights: MasterWeights,
    take_steps: Callable[[TrainingSettings, Steps], None],
    *,
    total_steps: int | None,
    progress: Progress,
) -> RangeTest:
    """Choose the peak learning rate of a training that has not begun.

    Args:
        settings: `learning_rate` is the first rate that is tried.
        take_steps: Trains on some steps with a new optimizer; raises DivergedError where the loss is lost.
        total_steps: Expected steps of the training, if known.

    Raises:
        UserError: an epoch has fewer than two steps, or the loss was lost at every rate.
    """
    started = time.perf_counter()
    first_epoch = learner.steps(1)
    length = min(trial_steps(total_steps), len(first_epoch) // 2)
    if not length:
        raise UserError(
            "`learning_rate: auto` needs at least two steps an epoch, to train on one and to judge on the other.",
            "Set learning_rate to a number, or take a smaller batch_size.",
        )
    learned, held_out = first_epoch[:length], first_epoch[-length:]
    warmup_share = settings.warmup_steps / total_steps if total_steps else 0.0
    trial = replace(
        settings,
        budget=Budget(tokens=max(1, sum(batch.tokens for step in learned for batch in step))),
        warmup_steps=0,
        warmup_share=warmup_share or settings.warmup_share,
    )
    before = _Snapshot(learner.model, weights)
    trials = 0

    def loss_after(rate: float) -> float:
        nonlocal trials
        progress.stage(f"trying learning rate {rate:.2g}", trials / TRIALS)
        trials += 1
        try:
            with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
                take_steps(replace(trial, learning_rate=rate), learned)
                return distributed.broadcast(_mean_loss(learner, held_out))
        except DivergedError:
            return math.inf
        finally:
            before.restore()

    rate, losses = lowest(loss_after, settings.learning_rate)
    return RangeTest(
        learning_rate=rate,
        rates=list(losses),
        losses=[loss if math.isfinite(loss) else None for loss in losses.values()],
        steps=trials * length,
        seconds=time.perf_counter() - started,
    )


def trial_steps(total_steps: int | None) -> int:
    """Steps of one trial, at most.

    Args:
        total_steps: Expected steps of the training, if known.
    """
    length = max(STEPS, (total_steps or 0) // 10) // TRIALS
    return min(length, total_steps or length)


def lowest(loss_after: Callable[[float], float], start: float) -> tuple[float, dict[float, float]]:
    """The rate of the lowest loss, rounded to two digits, and the losses by the rates that were tried, in their order.

    Args:
        loss_after: The loss at a rate, infinite where it is lost. It should fall towards one lowest point.
        start: The first rate to try.

    Raises:
        UserError: every loss was infinite.
    """
    losses: dict[int, float] = {}  # by half powers of ten above the start
    best, next_one = 0, 0
    while len(losses) < TRIALS:
        losses[next_one] = loss_after(_rounded(start * SPACING**next_one))
        best = min(losses, key=lambda exponent: (losses[exponent], exponent))
        neighbors = [each for each in (best + 1, best - 1) if each not in losses]
        if not neighbors:
            break
        next_one = neighbors[0]
    by_rate = {_rounded(start * SPACING**exponent): loss for exponent, loss in losses.items()}
    if not math.isfinite(losses[best]):
        tried = f"between {min(by_rate):.2g} and {max(by_rate):.2g}"
        raise UserError(f"The loss is not a number at any learning rate {tried}.", "Set learning_rate to a number.")
    below, above = (losses.get(each, math.inf) for each in (best - 1, best + 1))
    curvature = below - 2 * losses[best] + above
    shift = (below - above) / (2 * curvature) if math.isfinite(curvature) and curvature > 0 else 0.0
    return _rounded(start * SPACING ** (best + shift)), dict(sorted(by_rate.items()))


def _rounded(rate: float) -> float:
    return float(f"{rate:.2g}")


def _mean_loss(learner: Learner, steps: Steps) -> float:
    """Per unit (token or text), without dropout."""
    learner.model.eval()
    batches = [batch for step in steps for batch in step]
    with torch.no_grad():
        total = sum(float(learner.loss(batch).total) for batch in batches)
    loss = total / sum(batch.count for batch in batches)
    return loss if math.isfinite(loss) else math.inf


class _Snapshot:
    """Weights and buffers as they were, put back bit for bit. The random numbers are their own (`fork_rng`)."""

    def __init__(self, model: torch.nn.Module, weights: MasterWeights) -> None:
        self._model, self._weights, self._training = model, weights, model.training
        self._masters = {name: master.clone() for name, master in weights.state().items()}
        self._buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}

    def restore(self) -> None:
        self._weights.load(self._masters)
        self._weights.zero_gradients()
        for name, buffer in self._model.named_buffers():
            buffer.copy_(self._buffers[name])
        self._model.train(self._training)
