"""The learning-rate schedule and the end of training, both as functions of the budget."""

from __future__ import annotations

import math
from typing import Literal

from bakeoff.sections import Budget
from bakeoff.training.learner import TrainingSettings

StoppedBy = Literal["epochs", "tokens", "seconds"]


def expected_steps(budget: Budget, steps_per_epoch: int, tokens_per_epoch: int) -> int | None:
    """Return the steps until the epochs or tokens of the budget are spent; None if only seconds limit it."""
    limits = []
    if budget.epochs is not None:
        limits.append(budget.epochs * steps_per_epoch)
    if budget.tokens is not None:
        limits.append(math.ceil(budget.tokens * steps_per_epoch / max(tokens_per_epoch, 1)))
    return min(limits) if limits else None


def spent(budget: Budget, *, epochs: float, tokens: int, seconds: float) -> tuple[float, StoppedBy]:
    """Return the largest share of any limit that is spent (1 or more: stop), and the name of that limit."""
    shares: list[tuple[float, StoppedBy]] = []
    if budget.epochs is not None:
        shares.append((epochs / budget.epochs, "epochs"))
    if budget.tokens is not None:
        shares.append((tokens / budget.tokens, "tokens"))
    if budget.seconds is not None:
        shares.append((seconds / budget.seconds, "seconds"))
    return max(shares)


def learning_rate(settings: TrainingSettings, step: int, share: float, total_steps: int | None) -> float:
    """Return the learning rate of one step.

    Args:
        step: Steps taken before this one.
        share: Share of the budget spent before this step, 0 to 1.
        total_steps: Total number of steps if epochs or tokens limit it; None if only seconds do.
    """
    if settings.warmup_steps:
        warmup_share = settings.warmup_steps / total_steps if total_steps else 0.0
        warmed_up = (step + 1) / settings.warmup_steps
    else:
        warmup_share = settings.warmup_share
        warmed_up = _share_after(step, share, total_steps) / warmup_share if warmup_share else math.inf
    if warmed_up <= 1:
        return settings.learning_rate * warmed_up
    if settings.schedule == "constant" or warmup_share >= 1:
        return settings.learning_rate
    decayed = min(1.0, max(0.0, (share - warmup_share) / (1 - warmup_share)))
    if settings.schedule == "linear":
        return settings.learning_rate * (1 - decayed)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * decayed))


def _share_after(step: int, share: float, total_steps: int | None) -> float:
    """Return the share of the budget that will be spent after this step.

    Seconds may end a training long before its epochs, and the time of a step is known only once one was taken. So with
    a budget of seconds alone, the first step has the rate 0.
    """
    by_steps = (step + 1) / total_steps if total_steps else 0.0
    return max(by_steps, share * (step + 1) / step if step else 0.0)
