"""One contestant of a classification bake-off from spec to result: train, judge, write."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bakeoff import machine
from bakeoff.classify.judging import judge
from bakeoff.classify.linear import LinearModel
from bakeoff.classify.majority import MajorityModel
from bakeoff.classify.model_config import ModelConfig, write_config
from bakeoff.data.types import SplitTable
from bakeoff.runs.folder import ContestantFolder, folder_bytes, replaced_folder
from bakeoff.runs.results import ContestantResult, TrainingCost
from bakeoff.spec.schema import (
    ClassificationSpec,
    LinearContestant,
    MajorityContestant,
    RecurrentContestant,
)
from bakeoff.training import distributed
from bakeoff.training.progress import Progress

if TYPE_CHECKING:
    from bakeoff.training.task import TrainingSettings


def bake(
    spec: ClassificationSpec, name: str, data: SplitTable, folder: ContestantFolder, progress: Progress
) -> ContestantResult:
    """Train and judge the contestant `name` of `spec`. The test side is looked at once, with the best weights.

    Raises:
        UserError: the settings do not work with the data, or the disk is full.
    """
    started = time.perf_counter()
    settings = spec.contestants[name]
    earlier_seconds = 0.0
    notes: list[str] = []
    if isinstance(settings, RecurrentContestant):
        from bakeoff.training.checkpoint import trained_seconds  # linear models need no torch

        earlier_seconds = trained_seconds(folder.checkpoint)
        cost, notes = _train_recurrent(spec, settings, data, folder, progress)
    else:
        # Learnt in one go: there is nothing to divide, so the first process does it.
        cost = _fit(spec, settings, data, folder, progress) if folder.writes else TrainingCost(precision="fp64")
    distributed.wait()  # until the first process has written the model

    progress.stage("judging")
    model, judgement = judge(data, spec.judge, spec.seed, folder)
    cost.peak_memory_bytes = max(cost.peak_memory_bytes, machine.peak_memory_bytes())
    cost.total_seconds = earlier_seconds + time.perf_counter() - started
    return ContestantResult(
        name=name,
        method=settings.method,
        task="classification",
        settings=settings.model_dump(mode="json"),
        seed=spec.seed,
        figures=judgement.figures,
        training=cost,
        total_parameters=model.parameters,
        trainable_parameters=model.parameters,
        model_bytes=folder_bytes(folder.model),
        confusion=judgement.confusion,
        classes=judgement.classes,
        calibration=judgement.calibration,
        abstaining=judgement.abstaining,
        suspected_labels=len(judgement.suspects.texts),
        notes=notes,
    )


def _fit(
    spec: ClassificationSpec,
    settings: MajorityContestant | LinearContestant,
    data: SplitTable,
    folder: ContestantFolder,
    progress: Progress,
) -> TrainingCost:
    """Contestants that learn in one go."""
    progress.stage("fitting")
    started = time.perf_counter()
    model: MajorityModel | LinearModel
    if isinstance(settings, LinearContestant):
        model = LinearModel.fit(data.train.texts, data.train.labels, settings, spec.seed)
    else:
        model = MajorityModel.fit(data.train.labels, len(data.label_names))
    seconds = time.perf_counter() - started
    with replaced_folder(folder.model) as temporary:
        model.save(temporary)
        write_config(temporary, ModelConfig(settings.method, data.label_names, settings.model_dump(mode="json")))
    return TrainingCost(seconds=seconds, precision="fp64")


def _train_recurrent(
    spec: ClassificationSpec,
    settings: RecurrentContestant,
    data: SplitTable,
    folder: ContestantFolder,
    progress: Progress,
) -> tuple[TrainingCost, list[str]]:
    from bakeoff.classify.task import RecurrentTask
    from bakeoff.training.loop import train
    from bakeoff.training.memory import memory_notes

    progress.stage("encoding texts")
    task = RecurrentTask(data, settings, spec.seed)
    notes = [f"The vocabulary has {task.vocabulary.size:,} words; {task.padding_share:.1%} of the work was padding."]
    if task.share_cut:
        notes.append(f"{task.share_cut:.1%} of the training texts were cut to {settings.max_length} words.")
    cost = train(task, training_settings(spec, settings), folder, progress)
    return cost, [*notes, *memory_notes(cost)]


def training_settings(spec: ClassificationSpec, settings: RecurrentContestant) -> TrainingSettings:
    from bakeoff.training.task import TrainingSettings

    return TrainingSettings(
        budget=spec.budget,
        learning_rate=settings.learning_rate,
        schedule=settings.schedule,
        warmup_share=settings.warmup,
        weight_decay=settings.weight_decay,
        gradient_clip=settings.gradient_clip,
        seed=spec.seed,
    )
