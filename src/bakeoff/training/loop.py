"""The training loop of every contestant that learns by gradient descent."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bakeoff import machine
from bakeoff.errors import UserError
from bakeoff.runs.folder import ContestantFolder, recover_folder, replaced_folder
from bakeoff.runs.results import EpochLine, RangeTest, StepLine, TrainingCost
from bakeoff.training import distributed, schedule
from bakeoff.training.checkpoint import TrainingState, load_state, load_tensors, save_checkpoint
from bakeoff.training.interrupt import deferred_interrupt
from bakeoff.training.learner import Task, TrainingSettings
from bakeoff.training.memory import MicroBatches, missing_bytes
from bakeoff.training.optimizer import adamw, allocate_averages
from bakeoff.training.precision import MasterWeights, choose_device, computes_bf16_fast
from bakeoff.training.progress import Progress
from bakeoff.training.range_test import DivergedError, find_learning_rate

CHECKPOINT_SECONDS = 300.0
"""Training time between checkpoints inside an epoch: what a kill can cost at most."""


def train(task: Task, settings: TrainingSettings, folder: ContestantFolder, progress: Progress) -> TrainingCost:
    """Train until the budget is spent; the best weights end in ``folder.model``.

    Goes on from ``folder.checkpoint`` where there is one. The metrics are those of an uninterrupted training then,
    to the last bit on the same machine with the same number of threads, except where seconds limit the budget.

    Under torchrun every process must call this. Each step's micro-batches are divided over them and their gradients
    added up, so that all keep the same weights, those of a single process. Only the masks of dropout are others.

    Raises:
        UserError: the loss is not a number any more, the disk is full, or there is too little memory for one text.
        KeyboardInterrupt: after Ctrl-C, once the running step has ended and a checkpoint is written.
    """
    torch.manual_seed(settings.seed)
    if settings.precision == "bf16" and not computes_bf16_fast(choose_device()):
        progress.message(f"{folder.name}: bf16 takes hundreds of times as long as fp32 here. Use precision: auto.")
    weights = MasterWeights(task.model, settings.precision)
    optimizer = adamw(weights, settings)
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
    if distributed.world_size() > 1:
        distributed.broadcast_tensors(weights.state().values())
        weights.publish()
    training = _Training(task, settings, folder, progress, weights, optimizer, state)
    if state.finished_by is None:
        training.look_ahead()
    if settings.range_test:
        if state.range_test is None:
            state.range_test = _range_test(training)
            if folder.writes:
                save_checkpoint(folder.checkpoint, state, weights, optimizer)
            progress.message(
                f"{folder.name}: learning rate {state.range_test.learning_rate:g}, from a range test of "
                f"{state.range_test.steps} steps ({state.range_test.seconds:.1f} s)."
            )
        training.settings = replace(settings, learning_rate=state.range_test.learning_rate)
    if state.finished_by is None:
        training.run()
    return TrainingCost.model_validate(
        {
            "epochs": training.epochs,
            "steps": state.step,
            "tokens": state.tokens,
            "seconds": state.seconds,
            "peak_memory_bytes": machine.peak_memory_bytes(),
            "micro_batch_tokens": state.micro_batch_tokens,
            "precision": settings.precision,
            "best_epoch": state.best_epoch,
            "stopped_by": state.finished_by,
            "range_test": state.range_test,
        }
    )


def take_steps(
    task: Task, settings: TrainingSettings, name: str, steps: Iterable[Sequence[Any]], progress: Progress
) -> Iterator[StepLine]:
    """Train on these steps alone: no validation, no files. A line after each, as `train` would write it."""
    torch.manual_seed(settings.seed)
    weights = MasterWeights(task.model, settings.precision)
    folder = ContestantFolder(Path(name))  # for its name only
    training = _Training(task, settings, folder, progress, weights, adamw(weights, settings), TrainingState())
    training.look_ahead()
    yield from map(training.timed_step, steps)


def _range_test(training: _Training) -> RangeTest:
    """Choose the learning rate of a training that has not begun, by throw-away trainings of the same model."""
    task, folder, progress, weights = training.task, training.folder, training.progress, training.weights

    def try_steps(settings: TrainingSettings, steps: Sequence[Sequence[Any]]) -> None:
        state = TrainingState(micro_batch_tokens=training.state.micro_batch_tokens)
        trial = _Training(task, settings, folder, progress, weights, adamw(weights, settings), state)
        for step in steps:
            trial.timed_step(step)

    return find_learning_rate(
        task, training.settings, weights, try_steps, total_steps=training.total_steps, progress=progress
    )


class _Training:
    """One training in progress: the loop's variables, so that its parts can be read one by one."""

    def __init__(
        self,
        task: Task,
        settings: TrainingSettings,
        folder: ContestantFolder,
        progress: Progress,
        weights: MasterWeights,
        optimizer: torch.optim.AdamW,
        state: TrainingState,
    ) -> None:
        self.task = task
        self.settings = settings
        self.folder = folder
        self.progress = progress
        self.weights = weights
        self.optimizer = optimizer
        self.state = state
        self.micro_batches = MicroBatches(state, lambda text: progress.message(f"{folder.name}: {text}"))
        first_epoch = task.steps(1)
        if not first_epoch:
            raise UserError("There is nothing to train on: the training split is empty.")
        self.steps_per_epoch = len(first_epoch)
        tokens_per_epoch = sum(batch.tokens for step in first_epoch for batch in step)
        self.total_steps = schedule.expected_steps(settings.budget, self.steps_per_epoch, tokens_per_epoch)

    def look_ahead(self) -> None:
        """Choose micro-batches that fit into the memory, before the first step."""
        self.micro_batches.look_ahead(self.task, self.task.steps(1), missing_bytes(self.weights, self.optimizer))

    def run(self) -> None:
        state = self.state
        last_checkpoint = state.seconds
        with deferred_interrupt() as interrupted:
            while state.finished_by is None:
                for step in self.task.steps(state.epoch)[state.step_in_epoch :]:
                    line = self.timed_step(step)
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
                    stop = bool(distributed.broadcast(interrupted()))
                    if (
                        epoch_ended
                        or state.finished_by
                        or stop
                        or state.seconds - last_checkpoint >= CHECKPOINT_SECONDS
                    ):
                        self._save_checkpoint()
                        last_checkpoint = state.seconds
                    if stop and state.finished_by is None:
                        raise KeyboardInterrupt
                    if state.finished_by or epoch_ended:
                        break

    @property
    def epochs(self) -> float:
        """Passes over the training side so far; 0.5 is half of one."""
        return self.state.epoch - 1 + self.state.step_in_epoch / self.steps_per_epoch

    def timed_step(self, batches: Sequence[Any]) -> StepLine:
        started = time.perf_counter()
        line = self._step(batches)
        self.state.seconds = distributed.broadcast(self.state.seconds + time.perf_counter() - started)
        line.seconds = self.state.seconds
        return line

    def _step(self, batches: Sequence[Any]) -> StepLine:
        """One optimizer step over micro-batches, weighted by their counts as if they were one batch."""
        state, settings = self.state, self.settings
        rate = schedule.learning_rate(settings, state.step, self._spent()[0], self.total_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["rate_multiplier"]
        count = sum(batch.count for batch in batches)
        allocate_averages(self.optimizer)
        self.task.model.train()
        self._draw_masks_of_its_own()
        loss, correct = self.micro_batches.compute(
            distributed.share_of_step(batches), lambda parts: self._gradients(parts, count)
        )
        distributed.sum_gradients(self.weights.named.values())
        loss, correct = distributed.summed(torch.tensor([loss, correct], dtype=torch.float64)).tolist()
        state.epoch_correct += int(correct)
        state.tokens += sum(batch.tokens for batch in batches)
        mean = loss / count
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
        state.epoch_loss += loss
        state.epoch_count += count
        return StepLine(
            step=state.step, epoch=state.epoch, loss=mean, learning_rate=rate, tokens=state.tokens, seconds=0.0
        )

    def _draw_masks_of_its_own(self) -> None:
        """Dropout in the other processes: not the first one's masks, and the same after a resume."""
        if not distributed.is_main_process():
            seed = np.random.SeedSequence([self.settings.seed, distributed.rank(), self.state.step])
            torch.manual_seed(int(seed.generate_state(1)[0]))

    def _gradients(self, batches: Sequence[Any], count: int) -> tuple[float, int]:
        """The gradient of the batches' loss divided by `count`; their summed loss, and how many were right."""
        self.weights.zero_gradients()
        loss = torch.zeros((), dtype=torch.float64)
        correct = 0
        for batch in batches:
            result = self.task.loss(batch)
            (result.total / count).backward()
            loss += result.total.detach().double().cpu()
            correct += result.correct or 0
        self.weights.finish_gradients()
        return float(loss), correct

    def _spent(self) -> tuple[float, schedule.StoppedBy]:
        state = self.state
        return schedule.spent(self.settings.budget, epochs=self.epochs, tokens=state.tokens, seconds=state.seconds)

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
            if self.folder.writes:
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
        if self.folder.writes:
            self.state.metrics_size = self.folder.metrics_size()
            save_checkpoint(self.folder.checkpoint, self.state, self.weights, self.optimizer)
