"""Method `ensemble`: several contestants answer together."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.methods.base import ClassificationMethod, SavedClassifier
from bakeoff.methods.context import FitContext, FitReport, PlanContext
from bakeoff.methods.ensemble.config import EnsembleConfig
from bakeoff.methods.proposals import Proposal
from bakeoff.runs.plans import ContestantPlan
from bakeoff.runs.results import TrainingCost

if TYPE_CHECKING:
    from bakeoff.data.types import SplitTable
    from bakeoff.methods.base import TextModel
    from bakeoff.methods.ensemble.model import EnsembleModel
    from bakeoff.runs.contestant_folder import ContestantFolder
    from bakeoff.sections import RequestedPrecision


class EnsembleMethod(ClassificationMethod[EnsembleConfig]):
    """Weights contestants that are already trained."""

    config = EnsembleConfig
    multilabel = True

    def propose_jointly(self, lineup: Sequence[Proposal]) -> list[Proposal]:
        members = [each.name for each in lineup if not each.is_baseline]
        if len(members) < 2:
            return []
        reason = "all of them together, weighted: needs no training, and is often better than any alone"
        return [Proposal("ensemble", reason, f"{{members: [{', '.join(members)}]}}", promise=4)]

    def fit(self, config: EnsembleConfig, data: SplitTable, context: FitContext) -> FitReport:
        """Find the weights. The cost includes the members', because the ensemble needs them trained."""
        from bakeoff.training import distributed

        report = distributed.share_or_leave(context.strategy, lambda: self._weigh(config, data, context))
        return report or FitReport(TrainingCost())  # for which nobody asks the other processes

    def _weigh(self, config: EnsembleConfig, data: SplitTable, context: FitContext) -> FitReport:
        from bakeoff.methods.ensemble.model import Answered, EnsembleModel
        from bakeoff.methods.ensemble.weights import FEW_TEXTS
        from bakeoff.runs.checksums import write_manifest

        context.progress.stage("weighing members")
        members = {name: context.members[name] for name in config.members}
        results = [member.result() for member in members.values()]
        costs = [result.training for result in results]
        started = time.perf_counter()
        models = {name: Answered(partial(_load_member, each.model), each.answers) for name, each in members.items()}
        ensemble = EnsembleModel.fit(models, data.validation.texts, data.validation.targets)
        seconds = time.perf_counter() - started

        def save(folder: Path) -> None:
            ensemble.save(folder)
            for name, member in members.items():  # copies, so that the folder can be moved
                ignored = shutil.ignore_patterns("README.md")  # which is there after a resume only
                copy = shutil.copytree(member.model, _member_folder(folder, name), ignore=ignored)
                write_manifest(copy)  # which says whose it is

        context.save(save)
        weights = ", ".join(f"{name} {weight:.2f}" for name, weight in ensemble.weights.items())
        count = len(data.validation)
        few = f" They are drawn to equal ones, because there are only {count} validation texts." * (count < FEW_TEXTS)
        return FitReport(
            cost=TrainingCost(
                tokens=sum(cost.tokens for cost in costs),
                seconds=seconds + sum(cost.seconds for cost in costs),
                peak_memory_bytes=max(cost.peak_memory_bytes for cost in costs),
                precision=", ".join(dict.fromkeys(cost.precision for cost in costs)),
            ),
            notes=[f"Weights of the members: {weights}.{few}", "Time and memory include those of the members."],
            trainable_parameters=sum(result.trainable_parameters for result in results),
            earlier_seconds=sum(cost.total_seconds for cost in costs),
        )

    def load(self, folder: Path, saved: SavedClassifier, precision: RequestedPrecision | None = None) -> EnsembleModel:
        from bakeoff.methods.ensemble.model import EnsembleModel

        folders = {name: _member_folder(folder, name) for name in saved.settings["members"]}
        members = {name: _load_member(each, precision) for name, each in folders.items()}
        return EnsembleModel.load(folder, members, multilabel=saved.multilabel)

    def training_texts(self, folder: Path, saved: SavedClassifier) -> int:
        from bakeoff.methods.saved import kept_training_texts

        return sum(kept_training_texts(_member_folder(folder, name)) for name in saved.settings["members"])

    def with_answers(self, model: TextModel, members: Mapping[str, ContestantFolder]) -> TextModel:
        from bakeoff.methods.ensemble.model import Answered, EnsembleModel

        assert isinstance(model, EnsembleModel)
        known = {name: Answered(partial(_same, own), members[name].answers) for name, own in model.members.items()}
        return EnsembleModel(known, model.weights, multilabel=model.multilabel, lowest=model.lowest)

    def plan(self, config: EnsembleConfig, data: SplitTable, context: PlanContext) -> ContestantPlan:
        """Forecast nothing but memory and disk: the members' plans count their trainings and their answers."""
        members = [context.plans[name] for name in config.members]
        model_bytes = sum(member.model_bytes for member in members)
        parameters = [member.total_parameters for member in members]
        *further, largest = sorted(members, key=lambda member: member.peak_memory_bytes)
        return ContestantPlan(
            name=context.name,
            method=config.method,
            evaluation_seconds=0.0,
            total_seconds=0.0,
            peak_memory_bytes=largest.peak_memory_bytes + sum(map(_loaded_bytes, further)),
            model_bytes=model_bytes,
            disk_bytes=2 * model_bytes,
            trainable_parameters=0,
            total_parameters=None if None in parameters else sum(filter(None, parameters)) + len(members),
            notes=[
                "The trainings and answers of its members are counted in their own plans. Not counted: words that are "
                "marked in its answers, and answers that are asked for again in other processes or after a resume."
            ],
        )

    def describe(self, config: EnsembleConfig) -> str:
        members = ", ".join(f"`{member}`" for member in config.members)
        return f"An ensemble of the classifiers {members}, each in a folder of `members`"


def _load_member(folder: Path, precision: RequestedPrecision | None = None) -> TextModel:
    from bakeoff.methods.saved import load_text_model, read_classifier

    return load_text_model(folder, read_classifier(folder), precision)


def _same(model: TextModel) -> TextModel:
    return model


def _loaded_bytes(plan: ContestantPlan) -> int:
    """Return the memory of a trained model, of which the folder may hold only what was changed."""
    return max(plan.model_bytes, 4 * (plan.total_parameters or 0))


def _member_folder(folder: Path, name: str) -> Path:
    """Return the folder of a member's model inside an ensemble's folder."""
    return folder / "members" / name
