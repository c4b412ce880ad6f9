"""One contestant of a classification bake-off from config to result: train, judge, write."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bakeoff import machine
from bakeoff.config.classification import ClassificationConfig
from bakeoff.data.types import SplitTable
from bakeoff.errors import UserError
from bakeoff.methods.ensemble.config import EnsembleConfig
from bakeoff.methods.ensemble.model import EnsembleModel
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.methods.linear.model import LinearModel
from bakeoff.methods.majority.config import MajorityConfig
from bakeoff.methods.majority.model import MajorityModel
from bakeoff.methods.recurrent.config import RecurrentConfig
from bakeoff.methods.saved import ModelConfig, write_model_config
from bakeoff.methods.transformer.config import TransformerConfig
from bakeoff.runs.folder import ContestantFolder, folder_bytes, replaced_folder
from bakeoff.runs.results import ContestantResult, TrainingCost
from bakeoff.tasks.classifier import load_classifier
from bakeoff.tasks.evaluating import evaluate
from bakeoff.training import distributed
from bakeoff.training.progress import Progress

if TYPE_CHECKING:
    from bakeoff.training.learner import TrainingSettings


def check_contestants(config: ClassificationConfig, data: SplitTable) -> None:
    """Find out before anything is trained whether a contestant cannot be trained on these data.

    Raises:
        UserError: one has a linear part, and a class has a single training text.
    """
    label, texts = Counter(data.train.labels).most_common()[-1]
    for name, settings in config.contestants.items():
        if texts < 2 and isinstance(settings, RecurrentConfig) and settings.linear_part:
            raise UserError(
                f"contestants.{name}.linear_part needs two training texts of every class: it learns from what linear "
                f"models say of texts that they have not seen. {data.label_names[label]!r} has one.",
                "Give more texts of that class, or leave linear_part out.",
            )


def bake(
    config: ClassificationConfig,
    name: str,
    data: SplitTable,
    folder: ContestantFolder,
    progress: Progress,
    earlier: Mapping[str, ContestantFolder] | None = None,
) -> ContestantResult:
    """Train and judge the contestant `name` of `config`. The test side is looked at once, with the best weights.

    Args:
        earlier: By name, the contestants of the run that are trained: an ensemble takes its members from them.

    Raises:
        UserError: the settings do not work with the data, or the disk is full.
    """
    started = time.perf_counter()
    settings = config.contestants[name]
    earlier_seconds = 0.0
    notes: list[str] = []
    trained_parameters: int | None = None  # where it is not all of them
    if isinstance(settings, RecurrentConfig | TransformerConfig):
        from bakeoff.methods.recurrent.pretraining import pretrained_seconds
        from bakeoff.training.checkpoint import trained_seconds

        earlier_seconds = trained_seconds(folder.checkpoint) + pretrained_seconds(folder)
        if isinstance(settings, TransformerConfig):
            cost, notes, trained_parameters = _train_transformer(config, settings, data, folder, progress)
            machine.give_memory_back()  # the best weights need it
        else:
            cost, notes = _train_recurrent(config, settings, data, folder, progress)
    elif isinstance(settings, EnsembleConfig):
        members = {member: (earlier or {})[member] for member in settings.members}
        results = [member.result() for member in members.values()]
        earlier_seconds = sum(result.training.total_seconds for result in results)
        trained_parameters = sum(result.trainable_parameters for result in results)
        cost, notes = _weigh(settings, members, data, folder, progress)
    else:
        # Learnt in one go: there is nothing to divide, so the first process does it.
        cost = _fit(config, settings, data, folder, progress) if folder.writes else TrainingCost(precision="fp64")
    distributed.wait()  # until the first process has written the model

    progress.stage("evaluating")
    model, evaluation = evaluate(data, config.evaluation, config.seed, folder)
    cost.peak_memory_bytes = max(cost.peak_memory_bytes, machine.peak_memory_bytes())
    cost.total_seconds = earlier_seconds + time.perf_counter() - started
    return ContestantResult(
        name=name,
        method=settings.method,
        task="classification",
        settings=settings.model_dump(mode="json"),
        seed=config.seed,
        metrics=evaluation.metrics,
        training=cost,
        total_parameters=model.parameters,
        trainable_parameters=model.parameters if trained_parameters is None else trained_parameters,
        model_bytes=folder_bytes(folder.model),
        confusion=evaluation.confusion,
        classes=evaluation.classes,
        calibration=evaluation.calibration,
        selective_prediction=evaluation.selective_prediction,
        label_issues=len(evaluation.label_issues.texts),
        notes=notes,
    )


def _fit(
    config: ClassificationConfig,
    settings: MajorityConfig | LinearConfig,
    data: SplitTable,
    folder: ContestantFolder,
    progress: Progress,
) -> TrainingCost:
    """Contestants that learn in one go."""
    progress.stage("fitting")
    started = time.perf_counter()
    model: MajorityModel | LinearModel
    if isinstance(settings, LinearConfig):
        model = LinearModel.fit(data.train.texts, data.train.labels, settings)
    else:
        model = MajorityModel.fit(data.train.labels, len(data.label_names))
    seconds = time.perf_counter() - started
    with replaced_folder(folder.model) as temporary:
        model.save(temporary)
        write_model_config(temporary, ModelConfig(settings.method, data.label_names, settings.model_dump(mode="json")))
    return TrainingCost(seconds=seconds, precision="fp64")


def _weigh(
    settings: EnsembleConfig,
    members: Mapping[str, ContestantFolder],
    data: SplitTable,
    folder: ContestantFolder,
    progress: Progress,
) -> tuple[TrainingCost, list[str]]:
    """What the ensemble took together with its members: who wants it has to train them."""
    progress.stage("weighing members")
    costs = [member.result().training for member in members.values()]
    started = time.perf_counter()
    models = {name: load_classifier(member.model).model for name, member in members.items()}
    ensemble = EnsembleModel.fit(models, data.validation.texts, data.validation.labels)
    seconds = time.perf_counter() - started
    if folder.writes:
        with replaced_folder(folder.model) as temporary:
            ensemble.save(temporary, {name: member.model for name, member in members.items()})
            write_model_config(temporary, ModelConfig(settings.method, data.label_names, settings.model_dump(mode="json")))
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in ensemble.weights.items())
    cost = TrainingCost(
        tokens=sum(each.tokens for each in costs),
        seconds=seconds + sum(each.seconds for each in costs),
        peak_memory_bytes=max(each.peak_memory_bytes for each in costs),
        precision=", ".join(dict.fromkeys(each.precision for each in costs)),
    )
    return cost, [f"Weights of the members: {weights}.", "Time and memory are those of the members, too."]


def _train_recurrent(
    config: ClassificationConfig,
    settings: RecurrentConfig,
    data: SplitTable,
    folder: ContestantFolder,
    progress: Progress,
) -> tuple[TrainingCost, list[str]]:
    from bakeoff.methods.recurrent.learner import RecurrentTask
    from bakeoff.methods.recurrent.linear_part import fit_linear_part
    from bakeoff.methods.recurrent.pretraining import cost_together, pretrain, pretraining_notes
    from bakeoff.training.loop import train
    from bakeoff.training.memory import memory_notes

    pretrained, summary = None, None
    if settings.pretrain:
        pretrained, summary = pretrain(config, settings, training_settings(config, settings), data, folder, progress)
    linear_part, linear_seconds = None, 0.0
    if settings.linear_part:
        progress.stage("fitting the linear part")
        started = time.perf_counter()
        linear_part = fit_linear_part(data.train, settings.linear_part, config.seed)
        linear_seconds = time.perf_counter() - started
    progress.stage("encoding texts")
    task = RecurrentTask(data, settings, config.seed, pretrained, linear_part)
    notes = [f"The vocabulary has {task.vocabulary.size:,} words; {task.padding_share:.1%} of the work was padding."]
    if task.share_cut:
        notes.append(f"{task.share_cut:.1%} of the training texts were cut to {settings.max_length} words.")
    cost = train(task, training_settings(config, settings), folder, progress)
    notes += memory_notes(cost)
    if linear_part:
        cost.seconds += linear_seconds
        notes.append(f"Its linear part was fitted in {linear_seconds:.0f} s of the training time.")
    if summary:
        notes += pretraining_notes(summary)
        cost = cost_together(summary.cost, cost)
    return cost, notes


def _train_transformer(
    config: ClassificationConfig,
    settings: TransformerConfig,
    data: SplitTable,
    folder: ContestantFolder,
    progress: Progress,
) -> tuple[TrainingCost, list[str], int]:
    """What the training took, what to say of it, and how many parameters were trained."""
    from bakeoff.methods.transformer.learner import TransformerTask
    from bakeoff.training.loop import train
    from bakeoff.training.memory import memory_notes

    progress.stage(f"loading {settings.model}")
    task = TransformerTask(data, settings, config.seed)
    notes = [f"{task.padding_share:.1%} of the work was padding."]
    if task.share_cut:
        notes.append(f"{task.share_cut:.1%} of the training texts were cut to {settings.max_length} tokens.")
    cost = train(task, training_settings(config, settings), folder, progress)
    if cost.precision != "fp32":
        notes.append(f"Probabilities were computed in {cost.precision}.")
    return cost, [*notes, *memory_notes(cost)], task.trained_parameters


def training_settings(
    config: ClassificationConfig, settings: RecurrentConfig | TransformerConfig
) -> TrainingSettings:
    from bakeoff.training.learner import TrainingSettings
    from bakeoff.training.precision import choose_precision

    assert settings.learning_rate is not None  # filled in by the schema
    return TrainingSettings(
        budget=config.budget,
        precision=choose_precision(settings.precision) if isinstance(settings, TransformerConfig) else "fp32",
        learning_rate=settings.learning_rate,
        schedule=settings.schedule,
        warmup_share=settings.warmup,
        weight_decay=settings.weight_decay,
        gradient_clip=settings.gradient_clip,
        seed=config.seed,
    )
