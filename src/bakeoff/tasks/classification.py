"""Task `classification`: read a table, train classifiers, evaluate them on the same test texts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from bakeoff import machine
from bakeoff.config.classification import ClassificationConfig
from bakeoff.config.repeats import parts, seeds, shares
from bakeoff.data.tables import prepare_table
from bakeoff.data.types import SplitTable
from bakeoff.errors import DivergedError, UserError
from bakeoff.evaluation.classifier import NO_STAKES
from bakeoff.evaluation.repeats import mean_cost
from bakeoff.evaluation.stakes import refuse_stakes_of_several, refuse_undefined, resolve
from bakeoff.evaluation.thresholds import best_micro_f1
from bakeoff.methods.base import AskedModel, ClassificationMethod, MethodConfig, SavedClassifier, TextModel
from bakeoff.methods.context import FitContext, PlanContext
from bakeoff.methods.registry import get_classification_method, method_names
from bakeoff.methods.saved import CalibratedClassifier, read_classifier, write_classifier
from bakeoff.pretrained.packaged_models import check_installed
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.data_report import DataReport
from bakeoff.runs.findings import TextTraits
from bakeoff.runs.plans import ContestantPlan
from bakeoff.runs.results import ContestantResult, Usage
from bakeoff.runs.writing import folder_bytes
from bakeoff.tasks import tuning
from bakeoff.tasks.base import BakeoffTask, Contestant
from bakeoff.tasks.evaluating import Evaluator, evaluate
from bakeoff.tasks.evaluating_labels import SeveralLabels
from bakeoff.tasks.evaluating_one_label import OneLabel
from bakeoff.tasks.features import columns_read, feature_notes
from bakeoff.tasks.traits import text_traits
from bakeoff.training import distributed, torchrun
from bakeoff.training.progress import Progress


class ClassificationTask(BakeoffTask[ClassificationConfig, SplitTable]):
    """`task: classification`."""

    def prepare(self, config: ClassificationConfig) -> tuple[SplitTable, DataReport]:
        for settings in config.contestants.values():
            check_installed(settings.pretrained_model or "")
        data, report = prepare_table(config.data, config.seed, shares(config))
        # Refuse before anything is trained.
        metric = config.evaluation.deciding(multilabel=data.multilabel)
        refuse_undefined(metric, data.test.label_counts(len(data.label_names)))
        if data.multilabel:
            refuse_stakes_of_several(config.evaluation)
        else:
            resolve(config.evaluation, data.label_names)
        for name, settings in config.contestants.items():
            method = get_classification_method(settings.method)
            if data.multilabel and not method.multilabel:
                raise _learns_one_label(name, settings.method)
            smaller = [data.with_part(number) for number, _ in enumerate(parts(config, name), start=1)]
            tables = [data, *data.folds, *smaller]
            for table in tables:
                method.check(name, settings, table)
            # Where nothing is learned, all ask the same, and the whole table has every text.
            asked = tables if method.learns(settings) else [replace(data, folds=())]
            times = len(seeds(config, name)) if method.asks_anew(settings, data) else 1
            method.check_together(name, settings, times * asked)
            tuning.check(name, settings, config.budget.seconds)
        report.notes += feature_notes(config, data)
        return data, report

    def bake(
        self, config: ClassificationConfig, contestant: Contestant, data: SplitTable, progress: Progress
    ) -> ContestantResult | None:
        started = time.perf_counter()
        settings, folder = config.contestants[contestant.name], contestant.folder
        method = get_classification_method(settings.method)
        distributed.wait()  # until the main process has written the results of members and folds
        data, context = _begin(config, contestant, data, progress)
        if failed := [fold.name for fold in folder.folds() if fold.failure()]:
            raise DivergedError(f"{failed[0]} has no result.")
        columns = columns_read(config, contestant.name, data)
        fitted = tuning.fit(method, settings, data, context, partial(_validation_accuracy, method, data, columns))
        distributed.wait()  # until the main process has written the model
        return distributed.share_or_leave(
            config.distributed.strategy,
            lambda: self._evaluate(config, contestant, data, columns, context, fitted, started, progress),
        )

    def _evaluate(
        self,
        config: ClassificationConfig,
        contestant: Contestant,
        data: SplitTable,
        columns: list[str],
        context: FitContext,
        fitted: tuning.Fitted,
        started: float,
        progress: Progress,
    ) -> ContestantResult:
        """Evaluate a contestant that has been trained.

        Args:
            data: The rows that it has learned from, with those to evaluate on.
            columns: It reads them beside the text.
            context: That of its fit.
            started: When its training has begun, by `time.perf_counter`.
        """
        settings, report, folder = fitted.config, fitted.report, contestant.folder
        method = get_classification_method(settings.method)
        progress.stage("evaluating")
        saved = _saved(settings, data, columns)
        model = method.with_answers(method.load(folder.model, saved), context.members)
        if (address := _address(config, contestant.name)) is not None:
            progress.message(f"{contestant.name} sends texts to {address}.")
        asked = model if isinstance(model, AskedModel) else None
        if asked:
            asked.progress = progress
            asked.add_spent(_paid_before(contestant, learns=method.learns(settings)))

        def load_fold(fold: ContestantFolder) -> TextModel:
            return method.load(fold.model, read_classifier(fold.model))

        stakes = NO_STAKES if data.multilabel else resolve(config.evaluation, data.label_names)
        given = (data, config.evaluation, contestant.seed, method.calibrates(model))
        evaluator: Evaluator[Any] = (
            SeveralLabels(*given, method.chooses_thresholds(model)) if data.multilabel else OneLabel(*given, stakes)
        )
        evaluation = evaluate(
            model,
            evaluator,
            folder,
            attribute=address is None and not contestant.fold and not contestant.part,
            load_fold=load_fold if data.folds else None,
            # Under torchrun, processes that compute together must not differ in what they know.
            keep_answers=any(contestant.name in other.builds_on for other in config.contestants.values())
            and torchrun.world_size() == 1,
        )
        if folder.writes:
            calibrated = CalibratedClassifier(
                saved.method,
                saved.labels,
                saved.settings,
                multilabel=saved.multilabel,
                columns=columns,
                costs=stakes.costs,
                **evaluation.decision,
            )
            write_classifier(folder.model, calibrated)
        cost = report.cost
        cost.peak_memory_bytes = max(cost.peak_memory_bytes, machine.peak_memory_bytes())
        cost.total_seconds = report.earlier_seconds + time.perf_counter() - started
        result = ContestantResult(
            name=contestant.name,
            method=settings.method,
            task="classification",
            settings=saved.settings | report.settings,
            seed=contestant.seed,
            training=cost,
            usage=asked.usage if asked else _usage([member.result() for member in context.members.values()]),
            token_unit=method.token_unit,
            description=method.describe(settings.model_copy(update=report.settings)),
            pretrained_model=settings.pretrained_model,
            columns=columns,
            total_parameters=model.parameters,
            trainable_parameters=model.parameters or 0
            if report.trainable_parameters is None
            else report.trainable_parameters,
            model_bytes=folder_bytes(folder.model),
            **evaluation.details,
            search=fitted.search,
            notes=[
                *report.notes,
                *([f"It reads beside the text: {', '.join(columns)}."] if columns else []),
                *(asked.notes if asked else []),
                *([stakes.note] if stakes.note else []),
                *["Probabilities were computed in bf16."] * (cost.precision == "bf16"),
            ],
        )
        if not data.folds:
            return result
        return _with_folds(result, [fold.result() for fold in folder.folds()], data, shared=bool(context.members))

    def make_trial(
        self, config: ClassificationConfig, contestant: Contestant, data: SplitTable, progress: Progress
    ) -> None:
        settings = config.contestants[contestant.name]
        method = get_classification_method(settings.method)
        data, context = _begin(config, contestant, data, progress)
        evaluate = partial(_validation_accuracy, method, data, columns_read(config, contestant.name, data))
        tuning.make_trial(method, settings, data, context, evaluate, contestant.trial)

    def traits(self, config: ClassificationConfig, data: SplitTable, progress: Progress) -> TextTraits:
        return text_traits(data, config.seed, progress)

    def plan(self, config: ClassificationConfig, data: SplitTable, progress: Progress) -> list[ContestantPlan]:
        plans: dict[str, ContestantPlan] = {}
        measured: dict[str, Any] = {}
        folds, trainings = len(data.folds), data.trainings
        data = data.folds[0] if folds else data
        for number, (name, settings) in enumerate(config.contestants.items(), start=1):
            progress.contestant(name, number, len(config.contestants))
            machine.reset_peak_memory()
            context = PlanContext(name, config.seed, config.budget, progress, plans=plans, measured=measured)
            plan = get_classification_method(settings.method).plan(settings, data, context)
            plans[name] = tuning.planned(plan, settings, config.budget.seconds)
            plans[name].folds, plans[name].trainings = folds, trainings + _trainings_on_parts(config, plans[name])
            plans[name].parts = len(parts(config, name))
        return list(plans.values())


def _begin(
    config: ClassificationConfig, contestant: Contestant, data: SplitTable, progress: Progress
) -> tuple[SplitTable, FitContext]:
    """Return the rows that a contestant learns from, and what its method is told."""
    members = {name: contestant.earlier[name] for name in config.contestants[contestant.name].builds_on}
    if failed := [name for name, member in members.items() if member.failure()]:
        raise DivergedError(f"{contestant.label}: its member {failed[0]} has no result.")
    data = data.folds[contestant.fold - 1] if contestant.fold else data.with_part(contestant.part)
    context = FitContext(
        contestant.name,
        contestant.seed,
        config.budget,
        progress,
        strategy=config.distributed.strategy,
        folder=contestant.folder,
        members=members,
        before=[training.folder for training in contestant.before],
    )
    return data, context


def _saved(settings: MethodConfig, data: SplitTable, columns: list[str]) -> SavedClassifier:
    values = settings.model_dump(mode="json")
    return SavedClassifier(settings.method, data.label_names, values, multilabel=data.multilabel, columns=columns)


def _validation_accuracy(
    method: ClassificationMethod[Any],
    data: SplitTable,
    columns: list[str],
    tried: MethodConfig,
    trial: ContestantFolder,
) -> float:
    """Return the accuracy, or the best micro-F1 of several labels, of a trial on the validation split."""
    probabilities = method.load(trial.model, _saved(tried, data, columns)).probabilities(data.validation.texts)
    if data.multilabel:
        return best_micro_f1(data.validation.sets, probabilities)
    return float(np.mean(probabilities.argmax(axis=1) == np.asarray(data.validation.labels)))


def _trainings_on_parts(config: ClassificationConfig, plan: ContestantPlan) -> float:
    """Return the time of the trainings on parts of the rows / that of the training on all of them."""
    shorter = config.budget.epochs is not None  # a budget of words or seconds is spent on few rows, too
    trained = max(0.0, plan.total_seconds - plan.evaluation_seconds)
    seconds = sum((share if shorter else 1) * trained + plan.evaluation_seconds for share in parts(config, plan.name))
    return seconds / plan.total_seconds if plan.total_seconds else 0.0


def _learns_one_label(name: str, method: str) -> UserError:
    able = [other for other in method_names("classification") if get_classification_method(other).multilabel]
    return UserError(
        f"contestants.{name}: method {method} learns one label for every text, and here a text can have several.",
        f"Leave it out. Methods that learn several: {', '.join(able)}.",
    )


def _address(config: ClassificationConfig, name: str) -> str | None:
    """Return where a contestant, or a member of it, sends texts."""
    for each in (name, *config.contestants[name].builds_on):
        settings = config.contestants[each]
        if (address := get_classification_method(settings.method).sends_to(settings)) is not None:
            return address
    return None


def _with_folds(
    last: ContestantResult, folds: Sequence[ContestantResult], data: SplitTable, *, shared: bool
) -> ContestantResult:
    """Return the result of the last training with the costs of all of them.

    Args:
        folds: The results of the folds.
        shared: The usage is that of members, who have counted their folds.
    """
    trainings = [*folds, last]
    usage = last.usage if shared else _usage(trainings)
    kept = f"all rows but {len(data.validation):,} for validation"
    notes = [
        f"{len(folds)} folds: every text was classified by a model that was trained on other folds. The model that is "
        f"kept was trained after that, on {kept}.",
        f"Times are means over these {len(trainings)} trainings.",
    ]
    training = mean_cost([each.training for each in trainings], last.training)
    return last.model_copy(update={"training": training, "usage": usage, "notes": [*last.notes, *notes]})


def _paid_before(contestant: Contestant, *, learns: bool) -> float:
    """Return the USD that earlier trainings of a contestant have cost.

    Args:
        learns: False if every seed asks the same, and finds the answers in a cache.
    """
    paid = [
        other.folder.result()
        for other in contestant.before
        if other.folder.finished
        and (other.seed == contestant.seed or (learns and not other.fold))  # the result of a whole seed has its folds
    ]
    usage = _usage(paid)
    return (usage.money or 0.0) if usage else 0.0


def _usage(results: Sequence[ContestantResult]) -> Usage | None:
    """Return what the answers of several contestants or trainings took, or None if they asked nobody."""
    usages = [usage for result in results if (usage := result.usage)]
    if not usages:
        return None
    return Usage(
        requests=sum(usage.requests for usage in usages),
        input_tokens=sum(usage.input_tokens for usage in usages),
        output_tokens=sum(usage.output_tokens for usage in usages),
        money=sum(usage.money or 0.0 for usage in usages) if any(usage.money is not None for usage in usages) else None,
    )
