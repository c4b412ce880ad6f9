"""The interface between the training loop and a model with its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, Self, runtime_checkable

import torch

from bakeoff.sections import Budget, Strategy

Measure = Literal["accuracy", "micro-F1"]


class Batch(Protocol):
    """A micro-batch: the texts that go through the model in one forward pass."""

    @property
    def count(self) -> int:
        """Number of units that `Learner.loss` sums over: predicted tokens (language models) or texts (classifiers)."""

    @property
    def tokens(self) -> int:
        """Number of real tokens (words), without padding. Budgets and memory are counted in these."""

    def split(self, parts: int) -> Sequence[Self]:
        """Divide the batch into at most `parts` batches of similar size, in order.

        Together they hold the same texts, and their counts sum to `count`. A batch of one text returns only itself,
        as does one whose loss is not a sum over its texts.
        """


@dataclass(frozen=True)
class LossSum:
    """The loss of a micro-batch, summed (not averaged) over its units."""

    total: torch.Tensor  # in nats, scalar, differentiable; fp32 even where the model computes in bf16
    correct: int | None = None  # classifiers: texts whose most probable label is the true one


@dataclass(frozen=True)
class Validation:
    """The result of one pass over the validation split."""

    loss: float  # mean per unit, in nats
    accuracy: float | None = None  # classifiers: share of the texts, 0 to 1; of several labels, a micro-F1
    measure: Measure = "accuracy"  # what `accuracy` is

    def better_than(self, other: Validation | None) -> bool:
        """Compare accuracies where both have one, and losses otherwise or where accuracies are equal."""
        if other is None:
            return True
        if self.accuracy is not None and other.accuracy is not None and self.accuracy != other.accuracy:
            return self.accuracy > other.accuracy
        return self.loss < other.loss


class Learner(Protocol):
    """A model together with its training and validation data.

    Steps, losses and validation must be functions of the seed, the epoch and the weights alone, never of the time or of
    earlier calls: a run that was killed resumes by calling `steps` again, and must end with the same weights to the
    last bit. Draw dropout masks from torch's global generators, which checkpoints save and restore.

    Under torchrun every process has the same learner, and each calls `loss` on its share of a step's micro-batches.
    """

    @property
    def model(self) -> torch.nn.Module:
        """The model to train, with parameters in fp32; the loop casts them where the precision is bf16.

        Parameters with `requires_grad` set are trained. The loop switches between `train()` and `eval()`.
        """

    def steps(self, epoch: int) -> Sequence[Sequence[Any]]:
        """Return the optimizer steps of an epoch, each a list of micro-batches (`Batch`).

        The gradient of a step is that of its summed losses divided by its summed counts, so micro-batches may differ in
        size. Every epoch has the same number of steps and of tokens; the order may differ.

        Args:
            epoch: Counted from 1. The same epoch gives the same steps at every call.
        """

    def loss(self, batch: Any) -> LossSum:
        """Compute the loss of one micro-batch with the model in its current mode, for a backward pass.

        Called without gradients, too, in a learning-rate range test.
        """

    def validate(self) -> Validation:
        """Evaluate the model on the whole validation split. Called in `eval()` mode, without gradients."""

    def save_model(self, folder: Path, weights: dict[str, torch.Tensor]) -> None:
        """Write the model in its ecosystem's own format (transformers, PEFT, safetensors).

        Args:
            folder: An empty folder, which becomes `model/` of the contestant once everything is written.
            weights: The trained parameters in fp32, by their names in `model.named_parameters()`. Save these rather
                than the model's own, which may be rounded to bf16. If they are sharded, every process calls this with
                a folder of its own, of which the main process's is kept.
        """


@runtime_checkable
class SummingLearner(Protocol):
    """A `Learner` whose backward passes also sum the gradients of all processes: what `distribute` returns."""

    def accumulating(self) -> AbstractContextManager[None]:
        """Return a context in which backward passes leave the sums to a later one, if that saves time."""


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of the training loop. The learning rate is a function of the share of the budget that is spent."""

    budget: Budget
    learning_rate: float  # the peak, after the warm-up
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    warmup_steps: int = 0
    warmup_share: float = 0.0  # of the budget; used where warmup_steps is 0
    weight_decay: float = 0.0  # decoupled, for weights of two and more dimensions only
    gradient_clip: float | None = 1.0  # maximum norm
    range_test: bool = False  # choose the learning rate with a range test that starts at `learning_rate`
    rate_multipliers: Mapping[str, float] = field(default_factory=dict)  # by parameter name; the default is 1
    seed: int = 0
    precision: Literal["fp32", "bf16"] = "fp32"
    strategy: Strategy = "ddp"
