"""Optimizer steps: gradients summed over micro-batches and processes, and the share of the budget that is spent."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch

from bakeoff.errors import DivergedError, UserError
from bakeoff.runs.results import StepLine
from bakeoff.training import distributed, schedule, torchrun
from bakeoff.training.checkpoint import TrainingState
from bakeoff.training.learner import Learner, SummingLearner, TrainingSettings
from bakeoff.training.memory import MicroBatches, missing_bytes
from bakeoff.training.optimizer import adamw, allocate_averages, update
from bakeoff.training.precision import MasterWeights
from bakeoff.training.progress import Progress


def take_steps(
    learner: Learner, settings: TrainingSettings, name: str, steps: Iterable[Sequence[Any]], progress: Progress
) -> Iterator[StepLine]:
    """Train on these steps only, without validation or files; yield the metrics line of each, as `train` writes it."""
    torch.manual_seed(settings.seed)
    weights = MasterWeights(learner.model, settings.precision)
    training = TrainingSteps(learner, settings, name, progress, weights, adamw(weights, settings), TrainingState())
    training.look_ahead()
    yield from map(training.timed_step, steps)


class TrainingSteps:
    """The state of a training in progress, and its steps."""

    def __init__(
        self,
        learner: Learner,
        settings: TrainingSettings,
        name: str,
        progress: Progress,
        weights: MasterWeights,
        optimizer: torch.optim.AdamW,
        state: TrainingState,
    ) -> None:
        self.learner = learner
        self.settings = settings
        self.name = name
        self.progress = progress
        self.weights = weights
        self.optimizer = optimizer
        self.state = state
        self._accumulating = learner.accumulating if isinstance(learner, SummingLearner) else nullcontext
        self.micro_batches = MicroBatches(state, lambda text: progress.message(f"{name}: {text}"))
        first_epoch = learner.steps(1)
        if not first_epoch:
            raise UserError("There is nothing to train on: the training split is empty.")
        self.steps_per_epoch = len(first_epoch)
        tokens_per_epoch = sum(batch.tokens for step in first_epoch for batch in step)
        self.total_steps = schedule.expected_steps(settings.budget, self.steps_per_epoch, tokens_per_epoch)

    def look_ahead(self) -> None:
        """Before the first step, limit micro-batches to what fits into memory."""
        with self._accumulating():  # a pass forward only: nothing to sum
            missing = missing_bytes(self.weights, self.optimizer)
            self.micro_batches.look_ahead(self.learner, self.learner.steps(1), missing)

    @property
    def epochs(self) -> float:
        """Passes over the training split so far; 0.5 is half of one."""
        return self.state.epoch - 1 + self.state.step_in_epoch / self.steps_per_epoch

    def timed_step(self, batches: Sequence[Any]) -> StepLine:
        """Take one optimizer step and add its time to the seconds of the training."""
        started = time.perf_counter()
        line = self._step(batches)
        self.state.seconds = distributed.broadcast(self.state.seconds + time.perf_counter() - started)
        line.seconds = self.state.seconds
        return line

    def _step(self, batches: Sequence[Any]) -> StepLine:
        """Take one optimizer step over micro-batches, weighted by their counts as if they were one batch."""
        state, settings = self.state, self.settings
        rate = schedule.learning_rate(settings, state.step, self.spent()[0], self.total_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["rate_multiplier"]
        count = sum(batch.count for batch in batches)
        allocate_averages(self.optimizer)
        self.learner.model.train()
        self._seed_dropout()
        smallest = min(batches, key=lambda batch: batch.tokens)
        loss, correct = self.micro_batches.compute(
            distributed.share_of_step(batches), lambda parts: self._gradients(parts, count, smallest)
        )
        loss, correct = distributed.summed(torch.tensor([loss, correct], dtype=torch.float64)).tolist()
        state.epoch_correct += int(correct)
        state.tokens += sum(batch.tokens for batch in batches)
        mean = loss / count
        if not math.isfinite(mean):
            raise self.diverged(f"the loss is {mean} at step {state.step + 1}")
        update(self.weights, self.optimizer, settings.gradient_clip)
        state.step += 1
        state.step_in_epoch += 1
        state.epoch_loss += loss
        state.epoch_count += count
        return StepLine(
            step=state.step, epoch=state.epoch, loss=mean, learning_rate=rate, tokens=state.tokens, seconds=0.0
        )

    def diverged(self, what: str) -> DivergedError:
        """Return the error for a loss that is not a finite number."""
        return DivergedError(
            f"{self.name}: {what}.",
            f"Lower its learning_rate (now {self.settings.learning_rate:g}) or set gradient_clip: 1.0.",
        )

    def _seed_dropout(self) -> None:
        """Give processes other than the main one dropout masks of their own, the same ones after a resume."""
        if not torchrun.is_main_process():
            seed = np.random.SeedSequence([self.settings.seed, torchrun.rank(), self.state.step])
            torch.manual_seed(int(seed.generate_state(1)[0]))

    def _gradients(self, batches: Sequence[Any], count: int, stand_in: Any) -> tuple[float, int]:
        """Compute the gradient of the batches' loss divided by `count`, summed over the processes.

        Args:
            stand_in: Passes through the model, without weight, where other processes have more batches than this one.

        Returns:
            The summed loss and the correct answers of this process.
        """
        self.weights.zero_gradients()
        loss = torch.zeros((), dtype=torch.float64)
        correct = 0
        passes = distributed.largest(len(batches))
        for number in range(passes):
            own = number < len(batches)
            with nullcontext() if number + 1 == passes else self._accumulating():
                result = self.learner.loss(batches[number] if own else stand_in)
                (result.total / count * own).backward()
            if own:
                loss += result.total.detach().double().cpu()
                correct += result.correct or 0
        self.weights.finish_gradients()
        return float(loss), correct

    def spent(self) -> tuple[float, schedule.StoppedBy]:
        """Return the largest share of any limit of the budget that is spent, and the name of that limit."""
        state = self.state
        return schedule.spent(self.settings.budget, epochs=self.epochs, tokens=state.tokens, seconds=state.seconds)
