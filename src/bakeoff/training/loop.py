"""The training loop of every contestant that learns by gradient descent."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from bakeoff import machine
from bakeoff.errors import UserError
from bakeoff.runs.folder import ContestantFolder, recover_folder, replaced_folder
from bakeoff.runs.results import EpochLine, RangeTest, StepLine, TrainingCost
from bakeoff.training import schedule
from bakeoff.training.checkpoint import TrainingState, load_state, load_tensors, save_checkpoint
from bakeoff.training.interrupt import deferred_interrupt
from bakeoff.training.precision import MasterWeights
from bakeoff.training.progress import Progress
from bakeoff.training.range_test import DivergedError, find_learning_rate
from bakeoff.training.task import Task, TrainingSettings

CHECKPOINT_SECONDS = 300.0
"""Training time between checkpoints inside an epoch: what a kill can cost at most."""


def train(task: Task, settings: TrainingSettings, folder: ContestantFolder, progress: Progress) -> TrainingCost:
    """Train until the budget is spent; the best weights end in ``folder.model``.

    Goes on from ``folder.checkpoint`` where there is one. The metrics are those of an uninterrupted training then,
    to the last bit on the same machine with the same number of threads, except where seconds limit the budget.

    Raises:
        UserError: the loss is not a number any more, or the disk is full.
        KeyboardInterrupt: after Ctrl-C, once the running step has ended and a checkpoint is written.
    """
    torch.manual_seed(settings.seed)
    weights = MasterWeights(task.model, settings.precision)
    optimizer = _optimizer(weights, settings)
    state = load_state(folder.checkpoint)
    recover_folder(folder.model)
    if state is None:
        state = TrainingState()
        folder.cut_metrics(0)
    else:
        folder.cut_metrics(state.metrics_size)
        progress.message(f"{folder.name}: going on after step {state.step}.")
        if state.step and state.finished_by is None:
            load_tensors(folder.checkpoint, weights, optimizer)
    if settings.range_test:
        if state.range_test is None:
            state.range_test = _range_test(task, settings, folder, progress, weights)
            save_checkpoint(folder.checkpoint, state, weights, optimizer)
            progress.message(
                f"{folder.name}: learning rate {state.range_test.learning_rate:g}, from a range test of "
                f"{state.range_test.steps} steps ({state.range_test.seconds:.1f} s)."
            )
        settings = replace(settings, learning_rate=state.range_test.learning_rate)
    if state.finished_by is None:
        _Training(task, settings, folder, progress, weights, optimizer, state).run()
    return TrainingCost.model_validate(
        {
            "epochs": state.epoch,
            "steps": state.step,
            "tokens": state.tokens,
            "seconds": state.seconds,
            "peak_memory_bytes": machine.peak_memory_bytes(),
            "precision": settings.precision,
            "best_epoch": state.best_epoch,
            "stopped_by": state.finished_by,
            "range_test": state.range_test,
        }
    )


def _optimizer(weights: MasterWeights, settings: TrainingSettings) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019). Vectors (biases, norms) are not decayed."""
    groups: dict[tuple[bool, float], list[torch.nn.Parameter]] = {}
    for name, weight in weights.named.items():
        groups.setdefault((weight.dim() >= 2, settings.rate_multipliers.get(name, 1.0)), []).append(weight)
    return torch.optim.AdamW(
        [
            {"params": params, "weight_decay": settings.weight_decay if decayed else 0.0, "rate_multiplier": multiplier}
            for (decayed, multiplier), params in groups.items()
        ],
        lr=settings.learning_rate,
        fused=True,
    )


def _range_test(
    task: Task, settings: TrainingSettings, folder: ContestantFolder, progress: Progress, weights: MasterWeights
) -> RangeTest:
    def new_training(settings: TrainingSettings) -> _Training:
        return _Training(task, settings, folder, progress, weights, _optimizer(weights, settings), TrainingState())

    def take_steps(settings: TrainingSettings, steps: Sequence[Sequence[Any]]) -> None:
        trial = new_training(settings)
        for step in steps:
            trial._step(step)

    total_steps = new_training(settings).total_steps
    return find_learning_rate(task, settings, weights, take_steps, total_steps=total_steps, progress=progress)


class _Training:
    """One training in progress: the loop's variables, so that its parts can be read one by one."""

    def __init__(
        self,
        task: Task,
        settings: TrainingSettings,
        folder: ContestantFolder,
        progress: Progress,
        weights: MasterWeights,
        optimizer: torch.optim.Optimizer,
        state: TrainingState,
    ) -> None:
        self.task = task
        self.settings = settings
        self.folder = folder
        self.progress = progress
        self.weights = weights
        self.optimizer = optimizer
        self.state = state
        first_epoch = task.steps(1)
        if not first_epoch:
            raise UserError("There is nothing to train on: the training split is empty.")
        self.steps_per_epoch = len(first_epoch)
        tokens_per_epoch = sum(batch.tokens for step in first_epoch for batch in step)
        self.total_steps = schedule.expected_steps(settings.budget, self.steps_per_epoch, tokens_per_epoch)

    def run(self) -> None:
        state = self.state
        last_checkpoint = state.seconds
        with deferred_interrupt() as interrupted:
            while state.finished_by is None:
                for step in self.task.steps(state.epoch)[state.step_in_epoch :]:
                    started = time.perf_counter()
                    line = self._step(step)
                    state.seconds += time.perf_counter() - started
                    line.seconds = state.seconds
                    self.folder.append_metrics(line)
                    share, limit = self._spent()
                    self.progress.step(line, min(share, 1.0))
                    if share >= 1:
                        state.finished_by = limit
                    epoch_ended = state.step_in_epoch == self.steps_per_epoch
                    if self._evaluation_is_due(share, epoch_ended):
                        self._evaluate()
                    if epoch_ended and state.finished_by is None:
                        self._start_epoch()
                    if (
                        epoch_ended
                        or state.finished_by
                        or interrupted()
                        or state.seconds - last_checkpoint >= CHECKPOINT_SECONDS
                    ):
                        self._save_checkpoint()
                        last_checkpoint = state.seconds
                    if interrupted() and state.finished_by is None:
                        raise KeyboardInterrupt
                    if state.finished_by or epoch_ended:
                        break

    def _step(self, batches: Sequence[Any]) -> StepLine:
        """One optimiser step over micro-batches, weighted by their counts as if they were one batch."""
        state, settings = self.state, self.settings
        rate = schedule.learning_rate(settings, state.step, self._spent()[0], self.total_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["rate_multiplier"]
        count = sum(batch.count for batch in batches)
        self.task.model.train()
        self.weights.zero_gradients()
        loss = torch.zeros((), dtype=torch.float64)
        for batch in batches:
            result = self.task.loss(batch)
            (result.total / count).backward()
            loss += result.total.detach().double().cpu()
            state.epoch_correct += result.correct or 0
            state.tokens += batch.tokens
        self.weights.finish_gradients()
        mean = float(loss) / count
        if not math.isfinite(mean):
            raise DivergedError(
                f"{self.folder.name}: the loss is {mean} at step {state.step + 1}.",
                f"Lower its learning_rate (now {settings.learning_rate:g}) or set gradient_clip: 1.0.",
            )
        if settings.gradient_clip is not None:
            torch.nn.utils.clip_grad_norm_(list(self.weights.named.values()), settings.gradient_clip)
        self.optimizer.step()
        self.weights.publish()
        state.step += 1
        state.step_in_epoch += 1
        state.epoch_loss += float(loss)
        state.epoch_count += count
        return StepLine(
            step=state.step, epoch=state.epoch, loss=mean, learning_rate=rate, tokens=state.tokens, seconds=0.0
        )

    def _spent(self) -> tuple[float, schedule.StoppedBy]:
        state = self.state
        epochs = state.epoch - 1 + state.step_in_epoch / self.steps_per_epoch
        return schedule.spent(self.settings.budget, epochs=epochs, tokens=state.tokens, seconds=state.seconds)

    def _evaluation_is_due(self, share: float, epoch_ended: bool) -> bool:
        if self.state.finished_by:
            return True
        wanted = self.settings.budget.evaluations
        return epoch_ended if wanted is None else math.floor(share * wanted) > self.state.evaluations

    def _evaluate(self) -> None:
        """Look at the validation side, report, and keep the weights if they are the best so far."""
        state = self.state
        self.task.model.eval()
        self.progress.stage("validating")
        with torch.no_grad():
            validation = self.task.validate()
        state.evaluations += 1
        best = validation.better_than(state.best)
        line = EpochLine(
            epoch=state.epoch,
            step=state.step,
            train_loss=state.epoch_loss / state.epoch_count,
            train_accuracy=None if validation.accuracy is None else state.epoch_correct / state.epoch_count,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            tokens=state.tokens,
            seconds=state.seconds,
            best=best,
        )
        if best:
            state.best, state.best_epoch = validation, state.epoch
            with replaced_folder(self.folder.model) as temporary:
                self.task.save_model(temporary, self.weights.state())
        self.folder.append_metrics(line)
        self.progress.epoch(line)

    def _start_epoch(self) -> None:
        state = self.state
        state.epoch += 1
        state.step_in_epoch = 0
        state.epoch_loss, state.epoch_count, state.epoch_correct = 0.0, 0, 0

    def _save_checkpoint(self) -> None:
        self.state.metrics_size = self.folder.metrics_size()
        save_checkpoint(self.folder.checkpoint, self.state, self.weights, self.optimizer)
