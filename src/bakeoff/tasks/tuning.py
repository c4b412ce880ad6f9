"""Search the settings of a contestant by trials that the validation split ranks, with Optuna (Akiba et al. 2019).

The test split is never seen. Each trial depends only on the seed, its number and the trials of the rounds before it, so
that a search that is resumed, or whose trials run side by side, makes the trials of one that was not interrupted.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from bakeoff import machine
from bakeoff.errors import DivergedError, UserError
from bakeoff.methods.base import Method, MethodConfig
from bakeoff.methods.context import FitContext, FitReport
from bakeoff.methods.search_space import Tune
from bakeoff.packages import require
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.plans import ContestantPlan
from bakeoff.runs.results import EpochLine, Search, TrainingCost, Trial
from bakeoff.sections import Budget
from bakeoff.tasks.suggestions import Suggestions
from bakeoff.training import torchrun
from bakeoff.training.progress import ForwardingProgress, Progress


@dataclass(frozen=True)
class Fitted:
    """A trained contestant: its settings, which a search may have changed, and the report of its training."""

    config: Any
    report: FitReport
    search: Search | None = None


Evaluate = Callable[[Any, ContestantFolder], float]
"""Return the accuracy (or micro-F1) on the validation split of the model that was trained with a config."""


def fit(
    method: Method[Any, Any], config: MethodConfig, data: Any, context: FitContext, evaluate: Evaluate | None
) -> Fitted:
    """Train a contestant, or search its settings where its config says `tune`.

    Args:
        evaluate: Evaluates a trial of a method that does not validate while it trains; None: the method does.

    Raises:
        UserError: as `method.fit`; or every trial diverged; or Optuna is missing.
    """
    if config.tune is None:
        return Fitted(config, method.fit(config, data, context))
    return _Searching(method, config, config.tune, data, context, evaluate).run()


def make_trial(
    method: Method[Any, Any],
    config: MethodConfig,
    data: Any,
    context: FitContext,
    evaluate: Evaluate | None,
    number: int,
) -> None:
    """Make one trial of a search by itself, once those of the rounds before have ended.

    Args:
        context: That of the search.

    Raises:
        UserError: as `method.fit`.
    """
    assert config.tune is not None
    searching = _Searching(method, config, config.tune, data, context, evaluate)
    searching.make(number)


def check(name: str, config: MethodConfig, budget_seconds: float | None) -> None:
    """Refuse a search that cannot be run.

    Raises:
        UserError: it has no end, Optuna is missing, or several processes work together.
    """
    if config.tune is None:
        return
    if config.tune.trials is None and config.tune.seconds is None and budget_seconds is None:
        raise UserError(
            f"contestants.{name}.tune has no end.",
            f"Set one: --set contestants.{name}.tune.trials=20, or tune.seconds.",
        )
    if config.tune.at_once > 1 and (config.tune.trials is None or config.tune.seconds is not None):
        raise UserError(
            f"contestants.{name}.tune.at_once needs a number of trials, and no seconds: how many fit into a time "
            "depends on how many run side by side.",
            f"Give trials alone (--set contestants.{name}.tune.trials=20), or leave out at_once.",
        )
    require("tune", f"contestants.{name}.tune")
    if torchrun.world_size() > 1:
        raise UserError(f"contestants.{name}.tune works in one process.", "Run it without torchrun.")


def planned(plan: ContestantPlan, config: MethodConfig, budget_seconds: float | None) -> ContestantPlan:
    """Return the forecast of a search, from that of a single training with the settings of the config."""
    if config.tune is None:
        return plan
    limit = config.tune.seconds or (budget_seconds if config.tune.trials is None else None)
    trials = config.tune.trials or max(1, round((limit or 0) / max(plan.training_seconds, 0.1)))
    training = plan.training_seconds * trials if limit is None else min(plan.training_seconds * trials, limit)
    # Loading, encoding and a range test: every trial begins with them.
    preparing = max(0.0, plan.total_seconds - plan.training_seconds - plan.evaluation_seconds)
    return plan.model_copy(
        update={
            "training_seconds": training,
            "total_seconds": trials * preparing + training + plan.evaluation_seconds,
            "disk_bytes": plan.disk_bytes + plan.model_bytes,
            "notes": [
                *plan.notes,
                f"A search of {trials:,} trials, each forecast as long as one with the settings of the config; trials "
                "that fall behind are stopped early.",
            ],
        }
    )


class _PrunedError(Exception):
    """A trial that was stopped early."""


class _TrialProgress(ForwardingProgress):
    """A progress that passes everything on, and stops a trial that falls behind."""

    def __init__(self, progress: Progress, label: str, falls_behind: Callable[[], bool]) -> None:
        super().__init__(progress)
        self._label = label
        self._falls_behind = falls_behind

    def stage(self, text: str, share: float | None = None) -> None:
        super().stage(f"{self._label}: {text}", share)

    def epoch(self, line: EpochLine) -> None:
        super().epoch(line)
        if self._falls_behind():
            raise _PrunedError


class _Searching:
    """One search: trials are made until the limit is reached, and the best one's model is kept."""

    def __init__(
        self,
        method: Method[Any, Any],
        config: MethodConfig,
        tune: Tune,
        data: Any,
        context: FitContext,
        evaluate: Evaluate | None,
    ) -> None:
        self.method, self.config, self.tune = method, config, tune
        self.data, self.context, self.evaluate = data, context, evaluate
        self.space = {name: config.search_space[name] for name in tune.settings or ()}
        self.higher_is_better = method.task == "classification"
        self.limit = tune.seconds or (context.budget.seconds if tune.trials is None else None)
        self.trials = _ended_trials(context.folder)
        self.making_seconds = 0.0  # in this session
        self.kept: dict[str, Any] = {}
        self.suggestions = Suggestions(self.space, context.seed, tune.trials, higher_is_better=self.higher_is_better)

    def run(self) -> Fitted:
        self._keep_the_best()  # of those that were made by themselves; and a kill may have come before it
        while self._goes_on():
            number = len(self.trials) + 1  # it may have ended, if one before it was damaged and made again
            self.trials.append(self.context.folder.trial(number).summary(Trial) or self.make(number))
            self._keep_the_best()
        best = self._best()
        if best is None:
            raise UserError(
                f"{self.context.name}: the loss was not a number in any of {len(self.trials)} trials.",
                f"Look at the data, or leave out contestants.{self.context.name}.tune.",
            )
        self.context.folder.adopt(self.context.folder.trial(best.number))
        metric = self._metric()
        cost = _sum_of_costs(best, self.trials)
        report = FitReport(
            cost,
            notes=[*best.notes, _note(best, self.trials, metric, cost.seconds)],
            trainable_parameters=best.trainable_parameters,
            total_parameters=best.total_parameters,
            # Also those of a trial that an earlier session has begun and this one has ended.
            earlier_seconds=sum(trial.training.total_seconds for trial in self.trials) - self.making_seconds,
            settings=best.chosen,
        )
        search = Search(
            metric=metric,
            higher_is_better=self.higher_is_better,
            importance=self.suggestions.importance(self.trials),
            best=best.number,
            trials=self.trials,
        )
        return Fitted(self._with(best.settings), report, search)

    def _metric(self) -> Literal["accuracy", "micro-F1", "loss"]:
        """Return what the values of the trials are."""
        if not self.higher_is_better:
            return "loss"
        return "micro-F1" if self.data.multilabel else "accuracy"

    def _goes_on(self) -> bool:
        if self.tune.trials is not None and len(self.trials) >= self.tune.trials:
            return False
        return self.limit is None or self._spent() < self.limit

    def _spent(self) -> float:
        return sum(trial.training.seconds for trial in self.trials)

    def _with(self, settings: dict[str, Any]) -> MethodConfig:
        return type(self.config).model_validate(self.config.model_dump() | settings)

    def make(self, number: int) -> Trial:
        """Make one trial, which knows those of the rounds before, and write its summary."""
        started = time.perf_counter()
        known = self.trials[: (number - 1) // self.tune.at_once * self.tune.at_once]
        settings = {} if number == 1 else self.suggestions.settings(number, known)
        config = self._with(settings)
        folder = self.context.folder.trial(number)
        self.context.progress.trial(number)
        of = f" of {self.tune.trials}" if self.tune.trials else ""
        progress = _TrialProgress(
            self.context.progress,
            f"trial {number}{of}",
            lambda: self.suggestions.falls_behind(known, _validations(folder)),
        )
        state: Literal["finished", "pruned", "failed"] = "finished"
        context = replace(
            self.context, folder=folder, progress=progress, budget=self._budget(), fitted_before=[], kept=self.kept
        )
        value, report = None, FitReport(TrainingCost(), earlier_seconds=_trained_seconds(folder))
        try:
            report = self.method.fit(config, self.data, context)
            if values := _validations(folder):
                value = max(values) if self.higher_is_better else min(values)
            elif self.evaluate is not None:
                value = self.evaluate(config, folder)
        except _PrunedError:
            state, value = "pruned", _validations(folder)[-1]
            report.cost = _cost_so_far(context)
        except DivergedError:
            state = "failed"
            report.cost = _cost_so_far(context)
        seconds = time.perf_counter() - started
        self.making_seconds += seconds
        report.cost.total_seconds = report.earlier_seconds + seconds
        trial = Trial(
            number=number,
            settings={name: settings.get(name, getattr(config, name)) for name in self.space},
            state=state,
            value=value,
            values=_validations(folder),
            training=report.cost,
            chosen=report.settings,
            trainable_parameters=report.trainable_parameters,
            total_parameters=report.total_parameters,
            notes=report.notes,
        )
        folder.write_summary(trial)
        folder.remove_scaffolding()
        return trial

    def _budget(self) -> Budget:
        budget = self.context.budget
        if budget.seconds is None or self.limit is None:
            return budget
        return budget.model_copy(update={"seconds": min(budget.seconds, self.limit - self._spent())})

    def _best(self) -> Trial | None:
        finished = [trial for trial in self.trials if trial.state == "finished" and trial.value is not None]
        sign = 1 if self.higher_is_better else -1
        return max(finished, key=lambda trial: sign * (trial.value or 0.0), default=None)

    def _keep_the_best(self) -> None:
        """Write down the trials so far, and remove the models and logs of all but the best."""
        self.context.folder.write_trials(self.trials)
        best = self._best()
        for trial in self.trials:
            if trial is not best:
                self.context.folder.trial(trial.number).keep_summary_only()


def _ended_trials(folder: ContestantFolder) -> list[Trial]:
    """Return the trials that have ended, up to the first that has not."""
    trials: list[Trial] = []
    while (trial := folder.trial(len(trials) + 1).summary(Trial)) is not None:
        trials.append(trial)
    return trials


def _validations(folder: ContestantFolder) -> list[float]:
    """Return the accuracy, or the loss, of each evaluation on the validation split during training."""
    return [
        line.validation_loss if line.validation_accuracy is None else line.validation_accuracy
        for line in folder.training_log()[1]
    ]


def _trained_seconds(folder: ContestantFolder) -> float:
    """Return how long earlier sessions trained, in the stages before the training itself, too."""
    if not folder.begun:
        return 0.0
    from bakeoff.training.checkpoint import trained_seconds

    return sum(trained_seconds(training.checkpoint) for training in (*folder.stages(), folder))


def _cost_so_far(context: FitContext) -> TrainingCost:
    """Return the cost of a training that did not end, from its log and those of the stages before it."""
    logs = [training.training_log()[0] for training in (*context.folder.stages(), context.folder)]
    lasts = [steps[-1] for steps in logs if steps]
    return TrainingCost(
        steps=sum(last.step for last in lasts),
        tokens=sum(last.tokens for last in lasts),
        seconds=sum(last.seconds for last in lasts) + sum(cost.seconds for cost in context.fitted_before),
        peak_memory_bytes=machine.peak_memory_bytes(),
    )


def _sum_of_costs(best: Trial, trials: Sequence[Trial]) -> TrainingCost:
    """Return the best trial's cost with the steps, tokens, time and memory of all trials."""
    costs = [trial.training for trial in trials]
    return best.training.model_copy(
        update={
            "steps": sum(cost.steps for cost in costs),
            "tokens": sum(cost.tokens for cost in costs),
            "seconds": sum(cost.seconds for cost in costs),
            "peak_memory_bytes": max(cost.peak_memory_bytes for cost in costs),
        }
    )


def _note(best: Trial, trials: Sequence[Trial], metric: str, seconds: float) -> str:
    states = Counter(trial.state for trial in trials)
    settings = ", ".join(f"{name} {_shown(value)}" for name, value in best.used.items())
    first = trials[0]
    if best is first:
        compared = "It has the settings of the config."
    elif first.value is None:
        compared = "With the settings of the config, the loss was not a number."
    else:
        compared = f"The settings of the config reached {_shown(first.value)}."
    return (
        f"A search of {len(trials)} trials ({states['pruned']} stopped early, {states['failed']} diverged) took "
        f"{seconds:.0f} s of training, all counted as its cost. Trial {best.number} ({settings}) was best on the "
        f"validation split, with {metric} {_shown(best.value)}. {compared}"
    )


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
