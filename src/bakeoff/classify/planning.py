"""What the contestants of a classification bake-off will take, before any of them is trained."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff import machine
from bakeoff.classify.linear import LinearModel
from bakeoff.data.types import SplitTable
from bakeoff.runs.folder import folder_bytes
from bakeoff.runs.plans import ContestantPlan
from bakeoff.spec.schema import (
    ClassificationSpec,
    EnsembleContestant,
    LinearContestant,
    RecurrentContestant,
    TransformerContestant,
)
from bakeoff.training.progress import Progress

if TYPE_CHECKING:
    from bakeoff.classify.pretraining import Pretrained
    from bakeoff.training.measuring import MeasuredTraining

SAMPLE_CHARACTERS = 3_000_000
"""A linear model is fitted on so many characters of training texts, which take a few seconds."""

_FLOAT32 = 4  # bytes


def plan_contestants(spec: ClassificationSpec, data: SplitTable, progress: Progress) -> list[ContestantPlan]:
    """Tokenise and count as the bake-off would; take a few steps, and fit linear models on a part of the texts.

    Raises:
        UserError: whatever would end the bake-off before its first step.
    """
    plans = []
    for number, (name, settings) in enumerate(spec.contestants.items(), start=1):
        progress.contestant(name, number, len(spec.contestants))
        machine.reset_peak_memory()
        if isinstance(settings, RecurrentContestant):
            plan_recurrent = _plan_pretrained if settings.pretrain else _plan_recurrent
            plans.append(plan_recurrent(spec, name, settings, data, progress))
        elif isinstance(settings, TransformerContestant):
            from bakeoff.classify.transformer_planning import plan_transformer  # others need not wait for transformers

            plans.append(plan_transformer(spec, name, settings, data, progress))
        elif isinstance(settings, LinearContestant):
            plans.append(_plan_linear(spec, name, settings, data, progress))
        elif isinstance(settings, EnsembleContestant):
            plans.append(_plan_ensemble(name, [plan for plan in plans if plan.name in settings.members]))
        else:
            plans.append(_plan_majority(name))
    return plans


def _plan_pretrained(
    spec: ClassificationSpec, name: str, settings: RecurrentContestant, data: SplitTable, progress: Progress
) -> ContestantPlan:
    """The plan of the classifier, and what its pretraining adds to it."""
    import torch

    from bakeoff.classify.contestants import training_settings
    from bakeoff.classify.pretraining import PretrainingTask, pretraining_settings
    from bakeoff.data.pretraining_texts import pretraining_texts
    from bakeoff.training.measuring import measure_training

    assert settings.pretrain is not None
    progress.stage("encoding texts for pretraining")
    started = time.perf_counter()
    task = PretrainingTask(pretraining_texts(settings.pretrain, spec.data.text, data), data, settings, spec.seed)
    preparing = time.perf_counter() - started
    rules = pretraining_settings(settings.pretrain, training_settings(spec, settings))
    before = measure_training(task, rules, name, progress)
    started = time.perf_counter()
    with torch.no_grad():
        task.validate()
    validating = (time.perf_counter() - started) * before.evaluations
    plan = _plan_recurrent(spec, name, settings, data, progress, task.pretrained)
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
    spec: ClassificationSpec,
    name: str,
    settings: RecurrentContestant,
    data: SplitTable,
    progress: Progress,
    pretrained: Pretrained | None = None,
) -> ContestantPlan:
    from bakeoff.classify.contestants import training_settings
    from bakeoff.classify.task import RecurrentTask
    from bakeoff.training.measuring import measure_training

    linear_part, linear_seconds, parameters = None, 0.0, 0
    if settings.linear_part:
        from bakeoff.classify.linear_part import fit_linear_part

        progress.stage("fitting the linear part")
        started = time.perf_counter()
        linear_part = fit_linear_part(data.train, settings.linear_part, spec.seed)
        linear_seconds = time.perf_counter() - started
        parameters = linear_part.model.parameters
    progress.stage("encoding texts")
    started = time.perf_counter()
    task = RecurrentTask(data, settings, spec.seed, pretrained, linear_part)
    preparing = time.perf_counter() - started
    parameters += sum(weight.numel() for weight in task.model.parameters())
    with tempfile.TemporaryDirectory() as folder:
        task.save_model(Path(folder), dict(task.model.state_dict()))
        model_bytes = folder_bytes(Path(folder))
    training = measure_training(task, training_settings(spec, settings), name, progress)
    progress.stage("validating")
    started = time.perf_counter()
    task.validate()
    validating = time.perf_counter() - started
    # Once an evaluation, once for the temperature, and the test side.
    judging = validating * (training.evaluations + 1 + len(data.test) / len(data.validation))
    plan = plan_of_training(
        name,
        settings.method,
        training,
        preparing_seconds=preparing,
        judging_seconds=judging,
        model_bytes=model_bytes,
        trainable_parameters=parameters,
        total_parameters=parameters,
    )
    if linear_part:
        plan.training_seconds += linear_seconds
        plan.total_seconds += linear_seconds
        plan.notes.append(f"Fitting its linear part took {linear_seconds:.0f} s: it is part of the training time.")
    return plan


def plan_of_training(
    name: str,
    method: str,
    training: MeasuredTraining,
    *,
    preparing_seconds: float,
    judging_seconds: float,
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
        judging_seconds=judging_seconds,
        total_seconds=preparing_seconds + training.seconds + judging_seconds,
        peak_memory_bytes=machine.peak_memory_bytes(),
        model_bytes=model_bytes,
        # The weights and AdamW's two moments; the new one is complete before the old one goes.
        disk_bytes=2 * (model_bytes + 3 * _FLOAT32 * trainable_parameters),
        trainable_parameters=trainable_parameters,
        total_parameters=total_parameters,
        notes=training.notes,
    )


def _plan_linear(
    spec: ClassificationSpec, name: str, settings: LinearContestant, data: SplitTable, progress: Progress
) -> ContestantPlan:
    """A linear model is fitted in one go: on all texts where they are few, otherwise on the first ones."""
    progress.stage("fitting a part")
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
    started = time.perf_counter()
    model[0].probabilities(data.test.texts[:rows])
    judging = (time.perf_counter() - started) * (len(data.test) + len(data.validation)) / min(rows, len(data.test))
    with tempfile.TemporaryDirectory() as folder:
        model[0].save(Path(folder))
        model_bytes = int(folder_bytes(Path(folder)) * factor)
    whole = rows == len(data.train)
    notes = [
        f"Fitted on {rows:,} of {len(data.train):,} texts; time, memory and disk are scaled up, and the number of "
        "n-grams is only known when all are read."
    ]
    return ContestantPlan(
        name=name,
        method=settings.method,
        training_seconds=seconds,
        judging_seconds=judging,
        total_seconds=seconds + judging,
        peak_memory_bytes=machine.peak_memory_bytes() + int(growth * (factor - 1)),
        model_bytes=model_bytes,
        disk_bytes=2 * model_bytes,
        trainable_parameters=model[0].parameters if whole else None,
        total_parameters=model[0].parameters if whole else None,
        notes=[] if whole else notes,
    )


def _plan_ensemble(name: str, members: list[ContestantPlan]) -> ContestantPlan:
    """Members are trained before it, and counted there: it judges once more what they have judged."""
    judging = sum(member.judging_seconds for member in members)
    model_bytes = sum(member.model_bytes for member in members)
    parameters = [member.total_parameters for member in members]
    return ContestantPlan(
        name=name,
        method="ensemble",
        judging_seconds=judging,
        total_seconds=judging,
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
        judging_seconds=0.0,
        total_seconds=0.0,
        peak_memory_bytes=machine.peak_memory_bytes(),
        model_bytes=0,
        disk_bytes=0,
        trainable_parameters=0,
        total_parameters=0,
    )
