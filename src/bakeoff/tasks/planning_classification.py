"""What the contestants of a classification bake-off will take, before any of them is trained."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff import machine
from bakeoff.config.classification import ClassificationConfig
from bakeoff.data.types import SplitTable
from bakeoff.methods.ensemble.config import EnsembleConfig
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.linear.model import LinearModel
from bakeoff.methods.recurrent.config import RecurrentConfig
from bakeoff.methods.transformer.config import TransformerConfig
from bakeoff.runs.folder import folder_bytes
from bakeoff.runs.plans import ContestantPlan
from bakeoff.training.progress import Progress

if TYPE_CHECKING:
    from bakeoff.methods.recurrent.pretraining import Pretrained
    from bakeoff.training.measuring import MeasuredTraining

SAMPLE_CHARACTERS = 3_000_000
"""A linear model is fitted on so many characters of training texts, which take a few seconds."""

_FLOAT32 = 4  # bytes


def plan_contestants(config: ClassificationConfig, data: SplitTable, progress: Progress) -> list[ContestantPlan]:
    """Tokenize and count as the bake-off would; take a few steps, and fit linear models on a part of the texts.

    Raises:
        UserError: whatever would end the bake-off before its first step.
    """
    plans = []
    for number, (name, settings) in enumerate(config.contestants.items(), start=1):
        progress.contestant(name, number, len(config.contestants))
        machine.reset_peak_memory()
        if isinstance(settings, RecurrentConfig):
            plan_recurrent = _plan_pretrained if settings.pretrain else _plan_recurrent
            plans.append(plan_recurrent(config, name, settings, data, progress))
        elif isinstance(settings, TransformerConfig):
            from bakeoff.methods.transformer.planning import plan_transformer

            plans.append(plan_transformer(config, name, settings, data, progress))
        elif isinstance(settings, LinearConfig):
            plans.append(_plan_linear(config, name, settings, data, progress))
        elif isinstance(settings, EnsembleConfig):
            plans.append(_plan_ensemble(name, [plan for plan in plans if plan.name in settings.members]))
        else:
            plans.append(_plan_majority(name))
    return plans


def _plan_pretrained(
    config: ClassificationConfig, name: str, settings: RecurrentConfig, data: SplitTable, progress: Progress
) -> ContestantPlan:
    """The plan of the classifier, and what its pretraining adds to it."""
    import torch

    from bakeoff.data.pretraining_texts import pretraining_texts
    from bakeoff.methods.recurrent.pretraining import PretrainingTask, pretraining_settings
    from bakeoff.tasks.classification import training_settings
    from bakeoff.training.measuring import measure_training

    assert settings.pretrain is not None
    progress.stage("encoding texts for pretraining")
    started = time.perf_counter()
    task = PretrainingTask(pretraining_texts(settings.pretrain, config.data.text, data), data, settings, config.seed)
    preparing = time.perf_counter() - started
    rules = pretraining_settings(settings.pretrain, training_settings(config, settings))
    before = measure_training(task, rules, name, progress)
    started = time.perf_counter()
    with torch.no_grad():
        task.validate()
    validating = (time.perf_counter() - started) * before.evaluations
    plan = _plan_recurrent(config, name, settings, data, progress, task.pretrained)
    plan.steps += before.course.steps
    plan.tokens += before.course.tokens
    plan.training_seconds += before.seconds
    plan.total_seconds += preparing + before.seconds + validating
    plan.peak_memory_bytes = machine.peak_memory_bytes()
    plan.disk_bytes += plan.model_bytes  # the pretrained weights stay until there is a result
    plan.notes.append(
        f"Pretraining: {before.course.steps:,} steps over {before.course.tokens:,} words, in {before.seconds:.0f} s."
    )
    return plan


def _plan_recurrent(
    config: ClassificationConfig,
    name: str,
    settings: RecurrentConfig,
    data: SplitTable,
    progress: Progress,
    pretrained: Pretrained | None = None,
) -> ContestantPlan:
    from bakeoff.methods.recurrent.learner import RecurrentTask
    from bakeoff.tasks.classification import training_settings
    from bakeoff.training.measuring import measure_training

    linear, linear_part = None, None
    if settings.linear_part:
        from bakeoff.methods.recurrent.linear_part import LinearPart, unanswered

        progress.stage("fitting a part of the linear part")
        linear = _fit_sample(data, settings.linear_part)
        linear_part = LinearPart(linear.model, unanswered(len(data.train), len(data.label_names), settings.linear_part))
    progress.stage("encoding texts")
    started = time.perf_counter()
    task = RecurrentTask(data, settings, config.seed, pretrained, linear_part)
    preparing = time.perf_counter() - started
    parameters = sum(weight.numel() for weight in task.model.parameters())
    with tempfile.TemporaryDirectory() as folder:
        task.save_model(Path(folder), dict(task.model.state_dict()))
        model_bytes = folder_bytes(Path(folder))
    training = measure_training(task, training_settings(config, settings), name, progress)
    progress.stage("validating")
    started = time.perf_counter()
    task.validate()
    validating = time.perf_counter() - started
    # Once an evaluation, once for the temperature, and the test side.
    evaluating = validating * (training.evaluations + 1 + len(data.test) / len(data.validation))
    plan = plan_of_training(
        name,
        settings.method,
        training,
        preparing_seconds=preparing,
        evaluation_seconds=evaluating,
        model_bytes=model_bytes,
        trainable_parameters=parameters,
        total_parameters=parameters,
    )
    if linear:
        _add_linear_part(plan, linear)
    return plan


def _add_linear_part(plan: ContestantPlan, linear: _SampleFit) -> None:
    from bakeoff.methods.recurrent.linear_part import FITS_OF_ALL_TEXTS

    seconds = linear.seconds * FITS_OF_ALL_TEXTS
    plan.training_seconds += seconds
    plan.total_seconds += seconds
    plan.peak_memory_bytes = max(plan.peak_memory_bytes, linear.peak_memory_bytes)
    more_bytes = linear.model_bytes - int(linear.model_bytes / linear.factor)  # the part of the texts is saved already
    plan.model_bytes += more_bytes
    plan.disk_bytes += 2 * more_bytes
    whole = linear.factor == 1
    plan.trainable_parameters = plan.total_parameters = (
        (plan.total_parameters or 0) + linear.model.parameters if whole else None
    )
    plan.notes.append(f"{seconds:.0f} s of the training time are for its linear part, measured on a part of the texts.")


@dataclass(frozen=True)
class _SampleFit:
    """A linear model fitted on the first training texts, and what one of all of them will take."""

    model: LinearModel
    rows: int
    factor: float  # all training texts / rows
    seconds: float
    peak_memory_bytes: int
    model_bytes: int


def _fit_sample(data: SplitTable, settings: LinearConfig) -> _SampleFit:
    """A linear model is fitted in one go: on all texts where they are few, otherwise on the first ones."""
    characters = sum(map(len, data.train.texts))
    rows = len(data.train)
    if characters > SAMPLE_CHARACTERS:
        rows = max(len(data.label_names) * 10, int(rows * SAMPLE_CHARACTERS / characters))
    factor = len(data.train) / rows
    model: list[LinearModel] = []
    started = time.perf_counter()
    growth = machine.memory_growth(
        lambda: model.append(LinearModel.fit(data.train.texts[:rows], data.train.labels[:rows], settings))
    )
    seconds = (time.perf_counter() - started) * factor
    with tempfile.TemporaryDirectory() as folder:
        model[0].save(Path(folder))
        model_bytes = int(folder_bytes(Path(folder)) * factor)
    peak = machine.peak_memory_bytes() + int(growth * (factor - 1))
    return _SampleFit(model[0], rows, factor, seconds, peak, model_bytes)


def plan_of_training(
    name: str,
    method: str,
    training: MeasuredTraining,
    *,
    preparing_seconds: float,
    evaluation_seconds: float,
    model_bytes: int,
    trainable_parameters: int,
    total_parameters: int,
) -> ContestantPlan:
    """The plan of a network, from what was measured of it."""
    return ContestantPlan(
        name=name,
        method=method,
        epochs=training.course.epochs,
        steps=training.course.steps,
        tokens=training.course.tokens,
        training_seconds=training.seconds,
        evaluation_seconds=evaluation_seconds,
        total_seconds=preparing_seconds + training.seconds + evaluation_seconds,
        peak_memory_bytes=machine.peak_memory_bytes(),
        model_bytes=model_bytes,
        # The weights and AdamW's two moments; the new one is complete before the old one goes.
        disk_bytes=2 * (model_bytes + 3 * _FLOAT32 * trainable_parameters),
        trainable_parameters=trainable_parameters,
        total_parameters=total_parameters,
        notes=training.notes,
    )


def _plan_linear(
    config: ClassificationConfig, name: str, settings: LinearConfig, data: SplitTable, progress: Progress
) -> ContestantPlan:
    progress.stage("fitting a part")
    sample = _fit_sample(data, settings)
    started = time.perf_counter()
    sample.model.probabilities(data.test.texts[: sample.rows])
    evaluated = min(sample.rows, len(data.test))
    evaluating = (time.perf_counter() - started) * (len(data.test) + len(data.validation)) / evaluated
    whole = sample.factor == 1
    notes = [
        f"Fitted on {sample.rows:,} of {len(data.train):,} texts; time, memory and disk are scaled up, and the number "
        "of n-grams is only known when all are read."
    ]
    return ContestantPlan(
        name=name,
        method=settings.method,
        training_seconds=sample.seconds,
        evaluation_seconds=evaluating,
        total_seconds=sample.seconds + evaluating,
        peak_memory_bytes=sample.peak_memory_bytes,
        model_bytes=sample.model_bytes,
        disk_bytes=2 * sample.model_bytes,
        trainable_parameters=sample.model.parameters if whole else None,
        total_parameters=sample.model.parameters if whole else None,
        notes=[] if whole else notes,
    )


def _plan_ensemble(name: str, members: list[ContestantPlan]) -> ContestantPlan:
    """Members are trained before it, and counted there: it evaluates once more what they have evaluated."""
    evaluating = sum(member.evaluation_seconds for member in members)
    model_bytes = sum(member.model_bytes for member in members)
    parameters = [member.total_parameters for member in members]
    return ContestantPlan(
        name=name,
        method="ensemble",
        evaluation_seconds=evaluating,
        total_seconds=evaluating,
        peak_memory_bytes=machine.peak_memory_bytes(),
        model_bytes=model_bytes,
        disk_bytes=2 * model_bytes,
        trainable_parameters=0,
        total_parameters=None if None in parameters else sum(filter(None, parameters)),
        notes=["Its members' training is counted at the members."],
    )


def _plan_majority(name: str) -> ContestantPlan:
    """It only counts labels: nothing that could be measured."""
    return ContestantPlan(
        name=name,
        method="majority",
        evaluation_seconds=0.0,
        total_seconds=0.0,
        peak_memory_bytes=machine.peak_memory_bytes(),
        model_bytes=0,
        disk_bytes=0,
        trainable_parameters=0,
        total_parameters=0,
    )
