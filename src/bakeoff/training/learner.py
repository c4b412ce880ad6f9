"""What the training loop needs to know of a learner, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import torch

from bakeoff.sections import Budget


class Batch(Protocol):
    """A micro-batch: what goes through the model at once."""

    @property
    def count(self) -> int:
        """Units whose losses are summed: predicted tokens, or texts."""

    @property
    def tokens(self) -> int:
        """Real tokens (words) in the batch; padding is not counted."""

    def split(self, parts: int) -> Sequence[Self]:
        """At most so many batches that together are this one, in the same order; only itself where it is one text."""


@dataclass(frozen=True)
class LossSum:
    """The loss of a micro-batch as a differentiable sum (not a mean) over its units."""

    total: torch.Tensor
    correct: int | None = None  # classifiers: texts whose most probable label is the true one


@dataclass(frozen=True)
class Validation:
    """What one pass over the validation side found. The lowest loss, or highest accuracy if given, is the best."""

    loss: float
    accuracy: float | None = None

    def better_than(self, other: Validation | None) -> bool:
        if other is None:
            return True
        if self.accuracy is not None and other.accuracy is not None and self.accuracy != other.accuracy:
            return self.accuracy > other.accuracy
        return self.loss < other.loss


class Learner(Protocol):
    """A model together with its data. Everything must be a function of the seed and the epoch, never of time."""

    @property
    def model(self) -> torch.nn.Module:
        """In fp32 when handed over; the loop casts it when the precision is bf16."""

    def steps(self, epoch: int) -> Sequence[Sequence[Any]]:
        """The optimizer steps of an epoch (counted from 1), each a list of micro-batches.

        The same at every call; every epoch has the same number of steps.

        A micro-batch is a `Batch`. The gradient of a step is that of its summed losses divided by its summed counts.
        """

    def loss(self, batch: Any) -> LossSum: ...

    def validate(self) -> Validation: ...

    def save_model(self, folder: Path, weights: dict[str, torch.Tensor]) -> None:
        """Write model/ in the ecosystem's format. `weights`: the trained parameters by name, in fp32."""


@dataclass(frozen=True)
class TrainingSettings:
    """How the loop trains. Learning rates follow the share of the budget that is spent."""

    budget: Budget
    learning_rate: float
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    warmup_steps: int = 0
    warmup_share: float = 0.0  # used where warmup_steps is 0
    weight_decay: float = 0.0
    gradient_clip: float | None = 1.0
    range_test: bool = False  # a range test chooses the learning rate; `learning_rate` is where it starts
    rate_multipliers: Mapping[str, float] = field(default_factory=dict)  # by parameter; those not named have 1
    seed: int = 0
    precision: Literal["fp32", "bf16"] = "fp32"
