"""The training loop against plain PyTorch: micro-batches, budgets, resume, precision, Ctrl-C."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bakeoff.errors import UserError
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.results import EpochLine, StepLine
from bakeoff.sections import Budget
from bakeoff.training import loop
from bakeoff.training.learner import LossSum, TrainingSettings
from bakeoff.training.progress import Progress
from tests.training.tiny import Listener, TinyBatch, TinyLearner

SETTINGS = TrainingSettings(budget=Budget(epochs=3), learning_rate=0.01, schedule="linear", warmup_steps=2, seed=3)


def train(learner: TinyLearner, path: Path, settings: TrainingSettings = SETTINGS, progress: Progress | None = None):
    folder = ContestantFolder(path)
    cost = loop.train(learner, settings, folder, progress or Progress())
    return cost, folder


def losses(folder: ContestantFolder) -> list[float]:
    return [line.loss for line in folder.training_log()[0]]


def without_time(folder: ContestantFolder) -> list[StepLine | EpochLine]:
    steps, epochs = folder.training_log()
    return [line.model_copy(update={"seconds": 0.0}) for line in [*steps, *epochs]]


class CtrlC(Progress):
    """Ctrl-C in the first step or evaluation for which `at` is true."""

    def __init__(self, at: Callable[[StepLine | EpochLine], bool]) -> None:
        self.at = at

    def step(self, line: StepLine, share: float) -> None:
        self.epoch(line)

    def epoch(self, line: StepLine | EpochLine) -> None:
        if self.at(line):
            os.kill(os.getpid(), signal.SIGINT)


def test_equals_a_plain_pytorch_loop(tmp_path):
    cost, folder = train(TinyLearner(dropout=0.0), tmp_path / "ours")

    learner = TinyLearner(dropout=0.0)
    matrices = [p for p in learner.model.parameters() if p.dim() == 2]
    vectors = [p for p in learner.model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([*matrices, *vectors], lr=0.01, weight_decay=0.0)
    expected = []
    for epoch in (1, 2, 3):
        for (batch,) in learner.steps(epoch):
            step = len(expected)
            optimizer.param_groups[0]["lr"] = 0.01 * (
                (step + 1) / 2 if step < 2 else 1 - max(0.0, step / 18 - 2 / 18) / (1 - 2 / 18)
            )
            loss = (learner.model(batch.inputs) - batch.targets).square().mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learner.model.parameters(), 1.0)
            optimizer.step()
            expected.append(loss.item())

    assert losses(folder) == pytest.approx(expected, rel=1e-5)
    assert (cost.steps, cost.epochs, cost.tokens, cost.stopped_by) == (18, 3, 144, "epochs")


def test_an_epoch_that_the_budget_ends_counts_in_part(tmp_path):
    settings = TrainingSettings(budget=Budget(tokens=80), learning_rate=0.01)

    cost, _ = train(TinyLearner(dropout=0.0), tmp_path / "ours", settings)

    assert (cost.steps, cost.epochs, cost.stopped_by) == (10, pytest.approx(10 / 6), "tokens")


def test_a_parameter_with_a_multiplier_has_a_rate_of_its_own(tmp_path):
    settings = TrainingSettings(budget=Budget(epochs=2), learning_rate=0.01, rate_multipliers={"3.weight": 4.0})
    _, folder = train(TinyLearner(dropout=0.0), tmp_path / "ours", settings)

    learner = TinyLearner(dropout=0.0)
    named = dict(learner.model.named_parameters())
    faster = named.pop("3.weight")
    groups = [{"params": [*named.values()]}, {"params": [faster], "lr": 0.04}]
    optimizer = torch.optim.AdamW(groups, lr=0.01, weight_decay=0.0)
    expected = []
    for batch in [batch for epoch in (1, 2) for (batch,) in learner.steps(epoch)]:
        loss = (learner.model(batch.inputs) - batch.targets).square().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learner.model.parameters(), 1.0)
        optimizer.step()
        expected.append(loss.item())

    assert losses(folder) == pytest.approx(expected, rel=1e-5)
    assert {line.learning_rate for line in folder.training_log()[0]} == {0.01}


def test_losses_of_a_fixed_run_are_pinned(tmp_path):
    _, folder = train(TinyLearner(), tmp_path)

    assert losses(folder)[::6] == pytest.approx(PINNED_LOSSES, abs=1e-4)


PINNED_LOSSES = [1.7178, 1.2454, 0.8257]


def test_uneven_micro_batches_are_weighted_by_their_counts(tmp_path):
    _, whole = train(TinyLearner(dropout=0.0), tmp_path / "whole")
    _, parts = train(TinyLearner(dropout=0.0, micro_batches=3), tmp_path / "parts")

    assert losses(parts) == pytest.approx(losses(whole), rel=1e-5)


def test_tokens_and_evaluations_of_the_budget(tmp_path):
    settings = TrainingSettings(budget=Budget(tokens=100, evaluations=4), learning_rate=0.01)

    cost, folder = train(TinyLearner(), tmp_path, settings)

    steps, evaluations = folder.training_log()
    assert cost.stopped_by == "tokens"
    assert cost.tokens == 104  # the first multiple of 8 that reaches 100
    assert [line.step for line in evaluations] == [4, 7, 10, 13]
    assert len(steps) == 13


def test_the_best_weights_are_kept(tmp_path):
    class Overfitting(TinyLearner):
        def validate(self):
            validation = super().validate()
            self.evaluations = getattr(self, "evaluations", 0) + 1
            return type(validation)(loss=[3.0, 1.0, 2.0][self.evaluations - 1])

        def save_model(self, folder, weights):
            super().save_model(folder, weights)
            self.saved = {name: weight.clone() for name, weight in weights.items()}

    learner = Overfitting()
    cost, folder = train(learner, tmp_path)

    assert cost.best_epoch == 2
    assert [line.best for line in folder.training_log()[1]] == [True, True, False]
    kept = load_file(folder.model / "model.safetensors")
    assert all(torch.equal(kept[name], learner.saved[name]) for name in kept)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("killed_after", [3, 6, 8, 17])
def test_resume_equals_an_uninterrupted_run(tmp_path, monkeypatch, precision, killed_after):
    """The process dies after some step; the last checkpoint may be older than the last metrics."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0 if killed_after % 2 else 300.0)
    settings = TrainingSettings(**{**vars(SETTINGS), "precision": precision})

    class KilledError(Exception):
        pass

    class Killer(Progress):
        def step(self, line, share):
            if line.step == killed_after:
                raise KilledError

    cost, whole = train(TinyLearner(), tmp_path / "whole", settings)
    with pytest.raises(KilledError):
        train(TinyLearner(), tmp_path / "killed", settings, Killer())
    resumed_cost, resumed = train(TinyLearner(), tmp_path / "killed", settings)

    assert without_time(resumed) == without_time(whole)
    assert resumed_cost.best_epoch == cost.best_epoch
    ours, theirs = (load_file(folder.model / "model.safetensors") for folder in (resumed, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_the_log_tells_where_the_weights_come_from_after_a_kill(tmp_path):
    """The process dies after an evaluation within an epoch, and what it does again turns out worse."""
    settings = TrainingSettings(budget=Budget(tokens=100, evaluations=4), learning_rate=0.01)  # at steps 4, 7, 10, 13

    class KilledError(Exception):
        pass

    class Killer(Progress):
        def step(self, line, share):
            if line.step == 8:
                raise KilledError

    class Evaluated(TinyLearner):
        """Its model says how good it is."""

        def __init__(self, *losses):
            super().__init__()
            self.losses = list(losses)

        def validate(self):
            self.last = self.losses.pop(0)
            return type(super().validate())(self.last)

        def save_model(self, folder, weights):
            super().save_model(folder, weights)
            (folder / "loss").write_text(str(self.last))

    with pytest.raises(KilledError):
        train(Evaluated(2.0, 1.0), tmp_path, settings, Killer())
    _, folder = train(Evaluated(3.0, 3.0, 3.0), tmp_path, settings)

    evaluations = folder.training_log()[1]
    assert [(line.step, line.best) for line in evaluations] == [(4, True), (7, True), (10, False), (13, False)]
    assert (folder.model / "loss").read_text() == "1.0" == str(evaluations[1].validation_loss)


def test_a_finished_training_is_not_repeated(tmp_path):
    cost, folder = train(TinyLearner(), tmp_path)
    before = folder.training_log()

    again, _ = train(TinyLearner(), tmp_path)

    assert folder.training_log() == before
    assert again.seconds == cost.seconds


def test_ctrl_c_finishes_the_step_and_leaves_a_checkpoint(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(TinyLearner(), tmp_path, progress=CtrlC(lambda line: line.step == 4))

    folder = ContestantFolder(tmp_path)
    assert (folder.checkpoint / "state.json").exists()
    assert len(folder.training_log()[0]) == 4
    train(TinyLearner(), tmp_path)
    assert len(folder.training_log()[0]) == 18


@pytest.mark.parametrize("kind", [StepLine, EpochLine])
def test_ctrl_c_at_the_end_of_a_training_is_not_lost(tmp_path, kind):
    with pytest.raises(KeyboardInterrupt):
        train(TinyLearner(), tmp_path, progress=CtrlC(lambda line: isinstance(line, kind) and line.step == 18))

    cost, folder = train(TinyLearner(), tmp_path)
    assert cost.stopped_by == "epochs"
    assert len(folder.training_log()[0]) == 18


def test_ctrl_c_while_the_last_checkpoint_is_written_is_not_lost(tmp_path, monkeypatch):
    save = loop.save_checkpoint

    def interrupted(folder, state, *others):
        save(folder, state, *others)
        if state.finished_by:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(loop, "save_checkpoint", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(TinyLearner(), tmp_path)


def test_ctrl_c_counts_also_where_the_loss_is_then_not_a_number(tmp_path):
    class Diverging(TinyLearner):
        def validate(self):
            return type(super().validate())(loss=float("nan"))

    with pytest.raises(KeyboardInterrupt):
        train(Diverging(), tmp_path, progress=CtrlC(lambda line: line.step == 6))


def test_bf16_follows_fp32_because_the_masters_are_fp32(tmp_path):
    """With a small learning rate, weights in bf16 alone would not change at all."""
    settings = {**vars(SETTINGS), "learning_rate": 2e-4, "budget": Budget(epochs=20), "warmup_steps": 0}
    _, exact = train(TinyLearner(dropout=0.0), tmp_path / "fp32", TrainingSettings(**settings))
    _, rounded = train(
        TinyLearner(dropout=0.0), tmp_path / "bf16", TrainingSettings(**{**settings, "precision": "bf16"})
    )

    ours, theirs = (load_file(folder.model / "model.safetensors") for folder in (rounded, exact))
    start = dict(TinyLearner().model.named_parameters())
    moved = torch.cat([(theirs[name] - start[name]).flatten() for name in theirs])
    wrong = torch.cat([(ours[name] - theirs[name]).flatten() for name in theirs])
    assert wrong.norm() < 0.1 * moved.norm()


def test_a_loss_that_is_not_a_number_is_explained(tmp_path):
    class Diverging(TinyLearner):
        def loss(self, batch: TinyBatch) -> LossSum:
            return LossSum(super().loss(batch).total * float("nan"))

    with pytest.raises(UserError, match=r"loss is nan at step 1.*\n.*learning_rate"):
        train(Diverging(), tmp_path / "diverging")


def test_a_failed_save_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    class FullDisk(TinyLearner):
        full = False

        def save_model(self, folder, weights):
            if self.full:
                raise OSError(28, "No space left on device")
            super().save_model(folder, weights)
            self.full = True

    with pytest.raises(UserError, match="disk is full"):
        train(FullDisk(), tmp_path)

    folder = ContestantFolder(tmp_path)
    assert (folder.model / "model.safetensors").exists()
    assert not list(tmp_path.glob(".*.part"))
    shutil.rmtree(folder.model)  # nothing is lost: the epoch is repeated from the checkpoint
    train(TinyLearner(), tmp_path)
    assert len(folder.training_log()[0]) == 18


@pytest.mark.parametrize(
    ("precision", "fast", "warned"), [("bf16", False, True), ("bf16", True, False), ("fp32", False, False)]
)
def test_a_message_warns_where_bf16_is_slow(tmp_path, monkeypatch, precision, fast, warned):
    monkeypatch.setattr(loop, "computes_bf16_fast", lambda device: fast)
    progress = Listener()

    train(TinyLearner(), tmp_path / "run", dataclasses.replace(SETTINGS, precision=precision), progress)

    assert any("Use precision: auto" in message for message in progress.messages) is warned
