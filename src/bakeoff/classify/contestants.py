"""One contestant of a classification bake-off from spec to result: train, judge, write."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bakeoff import machine
from bakeoff.classify.classifier import Classifier, load_classifier
from bakeoff.classify.linear import LinearModel
from bakeoff.classify.majority import MajorityModel
from bakeoff.classify.marks import strongest_marks
from bakeoff.classify.model_config import ModelConfig, write_config
from bakeoff.data.types import LabelledTexts, SplitTable
from bakeoff.judge.classification import classification_figures, confusion, text_losses
from bakeoff.runs.folder import ContestantFolder, folder_bytes, replaced_folder
from bakeoff.runs.results import ContestantResult, Sample, TrainingCost
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

FIRST_TEXTS = 5
MISTAKES = 10
SHOWN_CHARACTERS = 300


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
        from bakeoff.classify.pretraining import pretrained_seconds  # linear models need no torch
        from bakeoff.training.checkpoint import trained_seconds

        earlier_seconds = trained_seconds(folder.checkpoint) + pretrained_seconds(folder)
        cost, notes = _train_recurrent(spec, settings, data, folder, progress)
    else:
        # Learnt in one go: there is nothing to divide, so the first process does it.
        cost = _fit(spec, settings, data, folder, progress) if folder.writes else TrainingCost(precision="fp64")
    distributed.wait()  # until the first process has written the model

    progress.stage("judging")
    best = load_classifier(folder.model)
    probabilities = best.probabilities(data.test.texts)
    predicted = probabilities.argmax(axis=1)
    losses = text_losses(data.test.labels, probabilities)
    folder.write_scores(_scores(data.test, data.label_names, probabilities, losses))
    if folder.writes:  # marking their words takes a moment
        folder.write_samples(_samples(best, data.test, probabilities))
    cost.peak_memory_bytes = max(cost.peak_memory_bytes, machine.peak_memory_bytes())
    cost.total_seconds = earlier_seconds + time.perf_counter() - started
    return ContestantResult(
        name=name,
        method=settings.method,
        task="classification",
        settings=settings.model_dump(mode="json"),
        seed=spec.seed,
        figures=classification_figures(
            data.test.labels,
            predicted,
            losses,
            split="test",
            confidence=spec.judge.confidence,
            resamples=spec.judge.resamples,
            seed=spec.seed,
        ),
        training=cost,
        total_parameters=best.model.parameters,
        trainable_parameters=best.model.parameters,
        model_bytes=folder_bytes(folder.model),
        confusion=confusion(data.test.labels, predicted, data.label_names),
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
    from bakeoff.classify.pretraining import cost_together, pretrain, pretraining_notes
    from bakeoff.classify.task import RecurrentTask
    from bakeoff.training.loop import train
    from bakeoff.training.memory import memory_notes

    pretrained, summary = None, None
    if settings.pretrain:
        pretrained, summary = pretrain(spec, settings, training_settings(spec, settings), data, folder, progress)
    progress.stage("encoding texts")
    task = RecurrentTask(data, settings, spec.seed, pretrained)
    notes = [f"The vocabulary has {task.vocabulary.size:,} words; {task.padding_share:.1%} of the work was padding."]
    if task.share_cut:
        notes.append(f"{task.share_cut:.1%} of the training texts were cut to {settings.max_length} words.")
    cost = train(task, training_settings(spec, settings), folder, progress)
    notes += memory_notes(cost)
    if summary:
        notes += pretraining_notes(summary)
        cost = cost_together(summary.cost, cost)
    return cost, notes


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


def _scores(
    test: LabelledTexts,
    label_names: Sequence[str],
    probabilities: npt.NDArray[np.float64],
    losses: npt.NDArray[np.float64],
) -> pa.Table:
    return pa.table(
        {
            "document": test.ids,
            "label": [label_names[label] for label in test.labels],
            "predicted": [label_names[label] for label in probabilities.argmax(axis=1)],
            "loss": losses,
            **{f"probability_{name}": probabilities[:, number] for number, name in enumerate(label_names)},
        }
    )


def _samples(best: Classifier, test: LabelledTexts, probabilities: npt.NDArray[np.float64]) -> list[Sample]:
    """The first test texts, and the mistakes that were made with the most confidence."""
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != np.asarray(test.labels))
    worst = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:MISTAKES]

    def sample(row: int, kind: str) -> Sample:
        text = test.texts[row]
        shown = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1]
        return Sample.model_validate(
            {
                "prompt": shown if shown == text else shown + "…",
                "label": best.labels[test.labels[row]],
                "predicted": best.labels[predicted[row]],
                "probability": float(probabilities[row].max()),
                "kind": kind,
                "marks": strongest_marks(best, text, int(predicted[row]), len(shown)),
            }
        )

    first = range(min(FIRST_TEXTS, len(test)))
    return [*(sample(row, "first") for row in first), *(sample(int(row), "mistake") for row in worst)]
