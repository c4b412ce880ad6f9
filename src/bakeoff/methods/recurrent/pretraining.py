"""Pretraining of an LSTM or GRU on unlabeled texts, before it is trained as a classifier (Dai and Le 2015)."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from pydantic import Field

from bakeoff import machine
from bakeoff.data.types import SplitTable
from bakeoff.methods.context import FitContext, PlanContext
from bakeoff.methods.gradient import Preparation
from bakeoff.methods.recurrent.config import Pretraining, RecurrentConfig
from bakeoff.methods.recurrent.pretraining_learner import Pretrained, PretrainingLearner
from bakeoff.methods.recurrent.pretraining_texts import pretraining_texts
from bakeoff.runs.contestant_folder import ContestantFolder, StageFolder
from bakeoff.runs.record import Record
from bakeoff.runs.results import EpochLine, StepLine, TrainingCost
from bakeoff.runs.writing import folder_bytes, recover_folder
from bakeoff.sections import Budget
from bakeoff.training import distributed
from bakeoff.training.checkpoint import trained_seconds
from bakeoff.training.learner import TrainingSettings
from bakeoff.training.loop import train
from bakeoff.training.measuring import measure_training
from bakeoff.training.progress import ForwardingProgress


class PretrainingSummary(Record):
    """The record of a finished pretraining, next to its weights."""

    source: str = Field(description="Where the unlabeled texts came from.")
    texts: int = Field(description="Unlabeled texts that were used.")
    training_texts: int = Field(description="Texts of the training split, used as well.")
    held_out: int = Field(description="Unlabeled texts left out because they occur in the validation or test split.")
    words: int = Field(description="Words of all texts used.")
    loss: float = Field(description="The best loss of held-out words, in nats per word.")
    cost: TrainingCost


_NOT_USED = {"embedding_dropout", "dropout", "word_dropout", "learning_rate"}
"""Settings of a search on which pretraining does not depend."""


def prepare_pretraining(
    config: RecurrentConfig, training: TrainingSettings, data: SplitTable, context: FitContext, prepared: Preparation
) -> None:
    """Pretrain, and add the weights with their cost and notes to what is prepared.

    Trials of a search take those of the trial before if their settings agree, which counts the cost.
    """
    kept: dict[str, Any] = {} if context.kept is None else context.kept
    used = config.model_dump(exclude=_NOT_USED)
    shared = "pretraining" in kept and kept["pretraining"][0] == used
    if shared:
        _, pretrained, summary = kept["pretraining"]
    else:
        pretrained, summary = pretrain(config, training, data, context)
        prepared.cost = summary.cost
        kept["pretraining"] = used, pretrained, summary  # of one trial alone, because weights are large
    prepared.parts["pretrained"] = pretrained
    prepared.notes = [*pretraining_notes(summary), *["An earlier trial did that, and counts the time."] * shared]


def pretrain(
    config: RecurrentConfig, training: TrainingSettings, data: SplitTable, context: FitContext
) -> tuple[Pretrained, PretrainingSummary]:
    """Pretrain a contestant, continue an interrupted pretraining, or load a finished one.

    Args:
        training: Settings of the classifier's training; pretraining has its own epochs and learning rate.

    Raises:
        UserError: the texts cannot be read or are too few, or training fails.
    """
    assert config.pretrain is not None
    folder, progress = _stage(context.folder), context.progress
    if not distributed.broadcast(folder.summary(PretrainingSummary) is not None):
        progress.stage("encoding texts for pretraining")
        texts = pretraining_texts(config.pretrain, data)
        learner = PretrainingLearner(texts, data, config, context.seed)
        progress.message(
            f"Pretraining on {len(texts.texts):,} unlabeled and {len(data.train):,} training texts, "
            f"{learner.words:,} words with {learner.vocabulary.size:,} in the vocabulary."
        )
        settings = pretraining_settings(config.pretrain, training)
        cost = train(learner, settings, folder, _PretrainingProgress(progress))
        if folder.writes:
            _, epochs = folder.training_log()
            folder.write_summary(
                PretrainingSummary(
                    source=texts.source,
                    texts=len(texts.texts),
                    training_texts=len(data.train),
                    held_out=texts.held_out,
                    words=learner.words,
                    loss=min(line.validation_loss for line in epochs),
                    cost=cost,
                )
            )
        distributed.wait()
    recover_folder(folder.model)
    summary = folder.summary(PretrainingSummary)
    assert summary is not None
    return Pretrained.load(folder.model), summary


def plan_pretraining(
    config: RecurrentConfig, training: TrainingSettings, data: SplitTable, context: PlanContext
) -> Preparation:
    """Forecast the cost of `pretrain` from a few of its steps."""
    assert config.pretrain is not None
    context.progress.stage("encoding texts for pretraining")
    started = time.perf_counter()
    learner = PretrainingLearner(pretraining_texts(config.pretrain, data), data, config, context.seed)
    preparing = time.perf_counter() - started
    settings = pretraining_settings(config.pretrain, training)
    measured = measure_training(learner, settings, context.name, context.progress)
    started = time.perf_counter()
    with torch.no_grad():
        learner.validate()
    validating = (time.perf_counter() - started) * measured.evaluations
    with tempfile.TemporaryDirectory() as temporary:
        learner.save_model(Path(temporary), dict(learner.model.state_dict()))
        kept_bytes = folder_bytes(Path(temporary))
    steps, tokens = measured.course.steps, measured.course.tokens
    return Preparation(
        parts={"pretrained": learner.pretrained},
        cost=TrainingCost(
            steps=steps, tokens=tokens, seconds=measured.seconds, peak_memory_bytes=machine.peak_memory_bytes()
        ),
        seconds=preparing + validating,
        disk_bytes=kept_bytes,
        notes=[f"Pretraining: {steps:,} steps over {tokens:,} words, in {measured.seconds:.0f} s."],
    )


def pretraining_settings(pretrain: Pretraining, training: TrainingSettings) -> TrainingSettings:
    """Return the settings of the classifier's training with the epochs and learning rate of pretraining."""
    return replace(training, budget=Budget(epochs=pretrain.epochs), learning_rate=pretrain.learning_rate)


def pretrained_seconds(contestant: ContestantFolder) -> float:
    """Return the seconds that earlier sessions of a resumed run pretrained; 0 for a new run."""
    folder = _stage(contestant)
    summary = folder.summary(PretrainingSummary)
    return summary.cost.seconds if summary else trained_seconds(folder.checkpoint)


def _stage(contestant: ContestantFolder) -> StageFolder:
    return contestant.stage("pretraining")


def pretraining_notes(summary: PretrainingSummary) -> list[str]:
    """Return notes for readers of the result."""
    file, cost = Path(summary.source).name, summary.cost
    notes = [
        f"It was pretrained on {summary.texts:,} texts of {file} and the {summary.training_texts:,} of the training "
        f"split: {summary.words:,} words, {cost.epochs} {'epoch' if cost.epochs == 1 else 'epochs'}, loss on held-out "
        f"words {summary.loss:.3f} nats. This took {cost.seconds:.0f} s, which count as training time but not against "
        "the budget."
    ]
    if summary.held_out:
        notes.append(
            f"{summary.held_out:,} of the texts of {file} were left out of pretraining because they occur in the "
            "validation or test split."
        )
    return notes


class _PretrainingProgress(ForwardingProgress):
    """Reports the progress of pretraining apart from that of the classifier's training."""

    def stage(self, text: str, share: float | None = None) -> None:
        super().stage(f"pretraining: {text}", share)

    def step(self, line: StepLine, share: float) -> None:
        self.stage(f"step {line.step}, loss {line.loss:.3f}", share)

    def epoch(self, line: EpochLine) -> None:
        self.message(
            f"Pretraining, epoch {line.epoch}: loss on held-out words {line.validation_loss:.3f} nats "
            f"after {line.seconds:.0f} s."
        )
