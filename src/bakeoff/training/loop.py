"""The training loop of every method that learns by gradient descent: validation, checkpoints, resume, budget."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from bakeoff import machine
from bakeoff.errors import DivergedError
from bakeoff.runs.checksums import write_manifest
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.results import EpochLine, RangeTest, TrainingCost
from bakeoff.runs.writing import recover_folder, replaced_folder
from bakeoff.training import distributed, torchrun
from bakeoff.training.checkpoint import TrainingState, load_state, load_tensors, save_checkpoint
from bakeoff.training.interrupt import deferred_interrupt
from bakeoff.training.learner import Learner, TrainingSettings
from bakeoff.training.optimizer import adamw
from bakeoff.training.precision import MasterWeights, choose_device, computes_bf16_fast
from bakeoff.training.progress import Progress
from bakeoff.training.range_test import find_learning_rate
from bakeoff.training.steps import TrainingSteps

CHECKPOINT_SECONDS = 300.0
"""Training time between checkpoints within an epoch, and so the most that a kill can lose, beside evaluations in it.

An evaluation that saves the weights is followed by a checkpoint. A resume from an earlier one might otherwise reach no
result as good, and the log would not tell where the weights in model/ come from.
"""


@distributed.explained()
def train(learner: Learner, settings: TrainingSettings, folder: ContestantFolder, progress: Progress) -> TrainingCost:
    """Train until the budget is spent, and save the best weights in ``folder.model``.

    Resumes from ``folder.checkpoint`` if there is one. Losses and weights are then those of an uninterrupted training,
    to the last bit on the same machine with the same number of threads, except where seconds limit the budget.

    Under torchrun every process must call this. They share each step's micro-batches and sum the gradients, so that all
    work with the same weights: up to rounding those of a single process, if there is no dropout (its masks differ).

    Raises:
        DivergedError: the loss is not a finite number.
        UserError: the disk is full, or there is not enough memory for one text.
        KeyboardInterrupt: after Ctrl-C, once the current step has ended and a checkpoint is written.
    """
    torch.manual_seed(settings.seed)
    if settings.precision == "bf16" and not computes_bf16_fast(choose_device()):
        progress.message(f"{folder.name}: bf16 is hundreds of times slower than fp32 here. Use precision: auto.")
    if torchrun.world_size() > 1:
        from bakeoff.training.parallel import distribute

        learner, weights = distribute(learner, settings)
    else:
        weights = MasterWeights(learner.model, settings.precision)
    optimizer = adamw(weights, settings)
    state = load_state(folder.checkpoint)
    recover_folder(folder.model)
    if state is None:
        state = TrainingState()
        folder.cut_metrics(0)
    else:
        folder.cut_metrics(state.metrics_size)
        progress.message(f"{folder.name}: resuming after step {state.step}.")
        if state.step and state.finished_by is None:
            load_tensors(folder.checkpoint, weights, optimizer)
    training = _Training(learner, settings, folder, progress, weights, optimizer, state)
    if state.finished_by is None:
        training.look_ahead()
    if settings.range_test:
        if state.range_test is None:
            state.range_test = _range_test(training)
            save_checkpoint(folder, state, weights, optimizer)
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


def _range_test(training: _Training) -> RangeTest:
    """Choose the learning rate of a training that has not begun, by trial trainings of the same model.

    Raises:
        UserError: an epoch has fewer than two steps.
        DivergedError: the loss diverged at every rate.
    """
    learner, progress, weights = training.learner, training.progress, training.weights

    def try_steps(settings: TrainingSettings, steps: Sequence[Sequence[Any]]) -> None:
        state = TrainingState(micro_batch_tokens=training.state.micro_batch_tokens)
        trial = TrainingSteps(learner, settings, training.name, progress, weights, adamw(weights, settings), state)
        for step in steps:
            trial.timed_step(step)

    try:
        return find_learning_rate(
            learner, training.settings, weights, try_steps, total_steps=training.total_steps, progress=progress
        )
    except DivergedError as error:  # the bake-off says so, and goes on
        raise DivergedError(f"{training.name}: {error.message}", error.hint) from None


class _Training(TrainingSteps):
    """A training with validation, metrics and checkpoints."""

    def __init__(
        self,
        learner: Learner,
        settings: TrainingSettings,
        folder: ContestantFolder,
        progress: Progress,
        weights: MasterWeights,
        optimizer: torch.optim.AdamW,
        state: TrainingState,
    ) -> None:
        super().__init__(learner, settings, folder.name, progress, weights, optimizer, state)
        self.folder = folder

    def run(self) -> None:
        state = self.state
        last_checkpoint = state.seconds
        with deferred_interrupt() as interrupted:
            while state.finished_by is None:
                for step in self.learner.steps(state.epoch)[state.step_in_epoch :]:
                    line = self.timed_step(step)
                    self.folder.append_metrics(line)
                    share, limit = self.spent()
                    self.progress.step(line, min(share, 1.0))
                    if share >= 1:
                        state.finished_by = limit
                    epoch_ended = state.step_in_epoch == self.steps_per_epoch
                    saved = self._evaluation_is_due(share, epoch_ended) and self._evaluate()
                    if epoch_ended and state.finished_by is None:
                        self._start_epoch()
                    stop = bool(distributed.broadcast(interrupted()))
                    if (
                        saved
                        or epoch_ended
                        or state.finished_by
                        or stop
                        or state.seconds - last_checkpoint >= CHECKPOINT_SECONDS
                    ):
                        self._save_checkpoint()
                        last_checkpoint = state.seconds
                    if stop:
                        raise KeyboardInterrupt
                    if state.finished_by or epoch_ended:
                        break

    def _evaluation_is_due(self, share: float, epoch_ended: bool) -> bool:
        if self.state.finished_by:
            return True
        wanted = self.settings.budget.evaluations
        return epoch_ended if wanted is None else math.floor(share * wanted) > self.state.evaluations

    def _evaluate(self) -> bool:
        """Evaluate on the validation split, report, and save the weights if they are the best so far.

        Returns:
            Whether they are.
        """
        state = self.state
        self.learner.model.eval()
        self.progress.stage("validating")
        with torch.no_grad():
            validation = self.learner.validate()
        if not math.isfinite(validation.loss):
            raise self.diverged(f"the validation loss is {validation.loss} after step {state.step}")
        state.evaluations += 1
        best = validation.better_than(state.best)
        line = EpochLine(
            epoch=state.epoch,
            step=state.step,
            train_loss=state.epoch_loss / state.epoch_count,
            train_accuracy=None
            if validation.accuracy is None or validation.measure != "accuracy"
            else state.epoch_correct / state.epoch_count,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            measure=validation.measure,
            tokens=state.tokens,
            seconds=state.seconds,
            best=best,
        )
        if best:
            state.best, state.best_epoch = validation, state.epoch
            self._save_model()
        self.folder.append_metrics(line)
        self.progress.epoch(line)
        return best

    def _start_epoch(self) -> None:
        state = self.state
        state.epoch += 1
        state.step_in_epoch = 0
        state.epoch_loss, state.epoch_count, state.epoch_correct = 0.0, 0, 0

    def _save_model(self) -> None:
        if self.folder.writes:
            with replaced_folder(self.folder.model) as temporary:
                self.learner.save_model(temporary, self.weights.state())
                write_manifest(temporary)
        elif self.weights.sharded:
            with tempfile.TemporaryDirectory() as scratch:
                self.learner.save_model(Path(scratch), self.weights.state())

    def _save_checkpoint(self) -> None:
        self.state.metrics_size = self.folder.metrics_size()
        save_checkpoint(self.folder, self.state, self.weights, self.optimizer)
