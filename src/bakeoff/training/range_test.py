"""Learning-rate range test for `learning_rate: auto`: short trial trainings, compared on held-out training text.

A range test (Smith 2017) usually raises the rate step by step within one training. With the dozen steps that a small
budget can spare, such a curve says more about the batches than about the rate. So each rate gets a trial of its own
here: from the same weights, on the same batches with the same random numbers, with the schedule of the real training in
miniature. The losses on the same held-out steps then differ only because of the rate. Rates are half a power of ten
apart. The search moves from its start towards the lowest loss in three to six trials, and a parabola through the best
trial and its neighbors estimates the minimum between them. docs/explanation/lora.md has the measurements behind this.

Afterwards weights, optimizer and random number generators are as before. Trials use training steps only, never the
validation or the test split.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from bakeoff.errors import DivergedError, UserError
from bakeoff.runs.results import RangeTest
from bakeoff.sections import Budget
from bakeoff.training import distributed
from bakeoff.training.learner import Learner, TrainingSettings
from bakeoff.training.precision import MasterWeights
from bakeoff.training.progress import Progress

TRIALS = 6
"""Maximum number of rates to try."""

STEPS = 12
"""Maximum number of steps of all trials together, or a tenth of the training's steps where that is more."""

SPACING = math.sqrt(10)

Steps = Sequence[Sequence[Any]]


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
        settings: `learning_rate` is the first rate to try.
        take_steps: Trains on some steps with a new optimizer; raises DivergedError if the loss diverges.
        total_steps: Expected steps of the training, if known.

    Raises:
        UserError: an epoch has fewer than two steps.
        DivergedError: the loss diverged at every rate.
    """
    started = time.perf_counter()
    first_epoch = learner.steps(1)
    length = min(trial_steps(total_steps), len(first_epoch) // 2)
    if not length:
        raise UserError(
            "`learning_rate: auto` needs at least two steps per epoch, one to train on and one to evaluate on.",
            "Set learning_rate to a number, or use a smaller batch_size.",
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
    """Return the maximum number of steps of one trial.

    Args:
        total_steps: Expected steps of the training, if known.
    """
    length = max(STEPS, (total_steps or 0) // 10) // TRIALS
    return min(length, total_steps or length)


def lowest(loss_after: Callable[[float], float], start: float) -> tuple[float, dict[float, float]]:
    """Search the rate with the lowest loss.

    Args:
        loss_after: Returns the loss at a rate, infinite if it diverged. It should have a single minimum.
        start: The first rate to try.

    Returns:
        The rate, rounded to two digits, and the losses by rate for the rates that were tried, in ascending order.

    Raises:
        DivergedError: every loss was infinite.
    """
    losses: dict[int, float] = {}  # by half powers of ten above the start
    best, untried = 0, 0
    while len(losses) < TRIALS:
        losses[untried] = loss_after(_rounded(start * SPACING**untried))
        best = min(losses, key=lambda exponent: (losses[exponent], exponent))
        neighbors = [exponent for exponent in (best + 1, best - 1) if exponent not in losses]
        if not neighbors:
            break
        untried = neighbors[0]
    by_rate = {_rounded(start * SPACING**exponent): loss for exponent, loss in losses.items()}
    if not math.isfinite(losses[best]):
        tried = f"between {min(by_rate):.2g} and {max(by_rate):.2g}"
        raise DivergedError(f"The loss diverges at every learning rate {tried}.", "Set learning_rate to a number.")
    below, above = (losses.get(exponent, math.inf) for exponent in (best - 1, best + 1))
    curvature = below - 2 * losses[best] + above
    shift = (below - above) / (2 * curvature) if math.isfinite(curvature) and curvature > 0 else 0.0
    return _rounded(start * SPACING ** (best + shift)), dict(sorted(by_rate.items()))


def _rounded(rate: float) -> float:
    return float(f"{rate:.2g}")


def _mean_loss(learner: Learner, steps: Steps) -> float:
    """Return the mean loss per unit (token or text), without dropout; infinite if it is not a number."""
    learner.model.eval()
    batches = [batch for step in steps for batch in step]
    with torch.no_grad():
        total = sum(float(learner.loss(batch).total) for batch in batches)
    loss = total / sum(batch.count for batch in batches)
    return loss if math.isfinite(loss) else math.inf


class _Snapshot:
    """A copy of weights and buffers, to restore them bit for bit. (`fork_rng` restores the random numbers.)"""

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
