"""Full fine-tuning of the packaged encoder: bakeoff's `transformer`, and Hugging Face's Trainer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

import numpy as np
import torch
import transformers

from bakeoff import machine
from bakeoff.methods.context import Context
from bakeoff.methods.encoded import TextBatch
from bakeoff.methods.transformer.config import TransformerConfig
from bakeoff.methods.transformer.learner import TransformerLearner
from bakeoff.methods.transformer.method import TransformerMethod
from bakeoff.pretrained.sources import load_weights
from bakeoff.runs.results import StepLine
from bakeoff.training.progress import Progress
from bakeoff.training.steps import take_steps
from peers import tables
from peers.job import Job, Measured
from peers.ours_classifier import config_of
from peers.trainer import train

Steps = Sequence[Sequence[TextBatch]]


def ours(job: Job) -> Measured:
    """Train the first steps of an epoch as a bake-off does: texts of nearly equal length share a batch."""
    machine.prepare()
    learner = _learner(job)
    steps = learner.steps(1)[: job.warmup_steps + job.steps]
    return _measured(job, _take(job, learner, steps), [sum(batch.count for batch in step) for step in steps])


def trainer(job: Job) -> Measured:
    """Train on random batches, each padded to its longest text: the Trainer's defaults."""
    learner = _learner(job)
    rows = np.random.default_rng(tables.SEED).permutation(len(tables.split(job).train))
    size = learner.config.batch_size
    return _train(job, learner, [rows[start : start + size] for start in range(0, len(rows), size)])


def our_curve(job: Job) -> Measured:
    """Train the first steps without dropout, all weights at the same rate. The value is the last loss."""
    learner = _learner(job, dropout=False)
    steps = learner.steps(1)[: job.steps]
    lines = _take(job, learner, steps, rate_multipliers={})
    count = sum(batch.count for step in steps for batch in step) / len(steps)
    return Measured(
        lines[-1].seconds / len(steps), count, lines[-1].loss, details={"losses": [line.loss for line in lines]}
    )


def trainers_curve(job: Job) -> Measured:
    """Train from the same weights on the same batches."""
    learner = _learner(job, dropout=False)
    steps = learner.steps(1)[: job.steps]
    found = _train(replace(job, warmup_steps=0), learner, [_rows(step) for step in steps], dropout=False)
    found.value = found.details["losses"][-1]
    return found


def _settings(job: Job) -> TransformerConfig:
    return TransformerConfig(tuning="full", schedule="constant", warmup=0.0, weight_decay=0.0, precision=job.precision)


def _learner(job: Job, *, dropout: bool = True) -> TransformerLearner:
    """Return what bakeoff trains; it also holds the texts that the Trainer reads, tokenized and cut alike."""
    learner = TransformerLearner(tables.split(job), _settings(job), tables.SEED)
    if not dropout:
        _drop_nothing(learner.model)
    return learner


def _drop_nothing(model: torch.nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0


def _take(job: Job, learner: TransformerLearner, steps: Steps, **changes: Any) -> list[StepLine]:
    budget = config_of(job, {"transformer": {}}).budget
    context = Context("transformer", tables.SEED, budget, Progress())
    rules = TransformerMethod().training_settings(learner.config, learner, context)
    return list(take_steps(learner, replace(rules, **changes), "transformer", steps, Progress()))


def _measured(job: Job, lines: Sequence[StepLine], texts: Sequence[int]) -> Measured:
    seconds = lines[-1].seconds - lines[job.warmup_steps - 1].seconds
    losses = [line.loss for line in lines]
    return Measured(
        seconds=seconds / job.steps,
        count=mean(texts[job.warmup_steps :]),
        value=mean(losses[-job.loss_steps :]),
        details={"losses": losses},
    )


def _rows(step: Sequence[TextBatch]) -> Any:
    return np.concatenate([batch.rows for batch in step])


def _train(job: Job, learner: TransformerLearner, batches: Sequence[Any], *, dropout: bool = True) -> Measured:
    torch.manual_seed(tables.SEED)  # the head gets the values that bakeoff draws for it
    data = tables.split(job)
    model, tokenizer, _ = load_weights(learner.config.model, labels=data.label_names)
    if not dropout:
        _drop_nothing(model)
    steps = job.warmup_steps + job.steps
    chosen = np.concatenate(batches[:steps])
    encoded = learner.classifier.cut(learner.classifier.encode([data.train.texts[row] for row in chosen]))
    rows = [
        {"input_ids": encoded.ids[start:end].tolist(), "labels": data.train.labels[row]}
        for start, end, row in zip(encoded.offsets[:-1], encoded.offsets[1:], chosen, strict=True)
    ]
    watch = train(job, model, rows, transformers.DataCollatorWithPadding(tokenizer), learner.config)
    counted = watch.seconds[job.warmup_steps :]
    return Measured(
        seconds=mean(counted),
        count=learner.config.batch_size,
        value=mean(watch.losses[-job.loss_steps :]),
        details={"losses": watch.losses},
    )
