"""`fit` and `plan` for every method that learns by gradient descent.

A subclass provides the model and its data (`learner`), how they are trained (`training_settings`), and how long an
evaluation takes (`evaluation_seconds`). Work before the training itself, such as pretraining, is its `preparation`.
"""

from __future__ import annotations

import tempfile
import time
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

from bakeoff import machine
from bakeoff.methods.base import Config, Data, Method
from bakeoff.methods.context import Context, FitContext, FitReport, PlanContext
from bakeoff.runs.plans import ContestantPlan
from bakeoff.runs.results import RangeTest, TrainingCost
from bakeoff.runs.writing import folder_bytes

if TYPE_CHECKING:
    from bakeoff.methods.method_learner import MethodLearner
    from bakeoff.training.learner import TrainingSettings
    from bakeoff.training.measuring import MeasuredTraining

FLOAT32 = 4  # bytes


AnyLearner = TypeVar("AnyLearner", bound="MethodLearner")


class GradientConfig(Protocol):
    """The settings that every method of this kind has."""

    @property
    def schedule(self) -> Literal["constant", "linear", "cosine"]: ...

    @property
    def warmup(self) -> float: ...

    @property
    def weight_decay(self) -> float: ...

    @property
    def gradient_clip(self) -> float | None: ...


@dataclass
class Preparation:
    """Work before the training: its results for `fit`, its forecast for `plan`."""

    parts: dict[str, Any] = field(default_factory=dict)  # what `learner` needs, by name
    cost: TrainingCost = field(default_factory=TrainingCost)  # counts toward the contestant's cost, not its budget
    parameters: int | None = 0  # outside the network; None in a forecast: known only after the fit
    notes: list[str] = field(default_factory=list)
    # Forecasts only:
    seconds: float = 0.0  # besides those of `cost`
    model_bytes: int = 0  # of the part of model/ that the learner does not save
    disk_bytes: int = 0  # of what is kept until there is a result


class GradientMethod(Method[Config, Data], Generic[Config, Data, AnyLearner]):
    """A method whose `fit` is the training loop."""

    @abstractmethod
    def learner(self, config: Config, data: Data, context: Context, prepared: Preparation) -> AnyLearner:
        """Return the model and its data as the training loop wants them.

        Raises:
            UserError: the model cannot be loaded, or the settings do not fit it or the data.
        """

    @abstractmethod
    def training_settings(self, config: Config, learner: AnyLearner, context: Context) -> TrainingSettings:
        """Return how the loop trains the learner."""

    @abstractmethod
    def evaluation_seconds(
        self, learner: AnyLearner, training: MeasuredTraining, data: Data, preparing_seconds: float
    ) -> float:
        """Forecast how long evaluations during training take, and for classifiers those after it.

        Args:
            preparing_seconds: How long `learner` took.
        """

    def sharding_refusal(self, config: Config) -> str | None:
        return "only the layers of a pretrained transformer can be divided (methods full, lora and transformer)"

    def preparation(self, config: Config, data: Data, context: FitContext) -> Preparation:
        """Run what comes before the training."""
        return Preparation()

    def planned_preparation(self, config: Config, data: Data, context: PlanContext) -> Preparation:
        """Forecast what comes before the training."""
        return Preparation()

    def loading_stage(self, config: Config) -> str:
        """Return what the progress display says while the learner is built."""
        return "encoding texts"

    def model_bytes(self, config: Config, learner: AnyLearner) -> int:
        """Return the size of model/ on disk."""
        with tempfile.TemporaryDirectory() as folder:
            weights = {name: weight.detach() for name, weight in learner.model.named_parameters()}
            learner.save_model(Path(folder), weights)
            return folder_bytes(Path(folder))

    def chosen_settings(self, config: Config, learner: AnyLearner) -> dict[str, Any]:
        """Return the settings that the config left open and the learner has chosen."""
        return {}

    def earlier_seconds(self, context: FitContext) -> float:
        """Return how long earlier sessions of a resumed run trained."""
        from bakeoff.training.checkpoint import trained_seconds

        return trained_seconds(context.folder.checkpoint)

    def fit(self, config: Config, data: Data, context: FitContext) -> FitReport:
        from bakeoff.training.loop import train
        from bakeoff.training.memory import memory_notes

        earlier_seconds = self.earlier_seconds(context)
        prepared = self.preparation(config, data, context)
        context.progress.stage(self.loading_stage(config))
        learner = self.learner(config, data, context, prepared)
        cost = train(learner, self.training_settings(config, learner, context), context.folder, context.progress)
        report = FitReport(
            cost=_cost_together(prepared.cost, cost),
            notes=[*learner.notes(), *_range_test_notes(cost.range_test), *memory_notes(cost), *prepared.notes],
            trainable_parameters=learner.trained_parameters + (prepared.parameters or 0),
            total_parameters=learner.total_parameters + (prepared.parameters or 0),
            earlier_seconds=earlier_seconds,
            settings=self.chosen_settings(config, learner)
            | ({"learning_rate": cost.range_test.learning_rate} if cost.range_test else {}),
        )
        del learner, prepared
        machine.give_memory_back()  # the evaluation needs it
        return report

    def plan(self, config: Config, data: Data, context: PlanContext) -> ContestantPlan:
        from bakeoff.training.measuring import measure_training

        prepared = self.planned_preparation(config, data, context)
        context.progress.stage(self.loading_stage(config))
        started = time.perf_counter()
        learner = self.learner(config, data, context, prepared)
        preparing_seconds = time.perf_counter() - started
        trainable, total = learner.trained_parameters, learner.total_parameters
        network_bytes = self.model_bytes(config, learner)
        settings = self.training_settings(config, learner, context)
        training = measure_training(learner, settings, context.name, context.progress)
        testing_seconds, testing_notes = _planned_range_test(training) if settings.range_test else (0.0, [])
        context.progress.stage("evaluating a part")
        evaluating = self.evaluation_seconds(learner, training, data, preparing_seconds)
        training_seconds = training.seconds + prepared.cost.seconds
        model_bytes = network_bytes + prepared.model_bytes
        checkpoint_bytes = 3 * FLOAT32 * trainable  # the weights and AdamW's two moments
        extra = prepared.parameters
        return ContestantPlan(
            name=context.name,
            method=config.method,
            epochs=training.course.epochs,
            steps=training.course.steps + prepared.cost.steps,
            tokens=training.course.tokens + prepared.cost.tokens,
            training_seconds=training_seconds,
            evaluation_seconds=evaluating,
            total_seconds=prepared.seconds + preparing_seconds + testing_seconds + training_seconds + evaluating,
            peak_memory_bytes=max(machine.peak_memory_bytes(), prepared.cost.peak_memory_bytes),
            model_bytes=model_bytes,
            # The new model and checkpoint are complete before the old ones go.
            disk_bytes=2 * (model_bytes + checkpoint_bytes) + prepared.disk_bytes,
            trainable_parameters=None if extra is None else trainable + extra,
            total_parameters=None if extra is None else total + extra,
            notes=[*training.notes, *testing_notes, *prepared.notes],
        )


def settings_of(
    config: GradientConfig,
    context: Context,
    learning_rate: float,
    *,
    precision: Literal["fp32", "bf16"] = "fp32",
    range_test: bool = False,
    rate_multipliers: Mapping[str, float] | None = None,
) -> TrainingSettings:
    """Translate a method's config into settings of the training loop."""
    from bakeoff.training.learner import TrainingSettings

    return TrainingSettings(
        budget=context.budget,
        learning_rate=learning_rate,
        schedule=config.schedule,
        warmup_steps=int(config.warmup) if config.warmup >= 1 else 0,
        warmup_share=config.warmup if config.warmup < 1 else 0.0,
        weight_decay=config.weight_decay,
        gradient_clip=config.gradient_clip,
        range_test=range_test,
        rate_multipliers=rate_multipliers or {},
        seed=context.seed,
        precision=precision,
        strategy=context.strategy,
    )


def _cost_together(before: TrainingCost, own: TrainingCost) -> TrainingCost:
    """Add the cost of a preparation; the epochs are those of the training itself."""
    return own.model_copy(
        update={
            "steps": before.steps + own.steps,
            "tokens": before.tokens + own.tokens,
            "seconds": before.seconds + own.seconds,
            "peak_memory_bytes": max(before.peak_memory_bytes, own.peak_memory_bytes),
        }
    )


def _range_test_notes(test: RangeTest | None) -> list[str]:
    if test is None:
        return []
    tried = ", ".join(
        f"{rate:g}: {'not a number' if loss is None else format(loss, '.4f')}"
        for rate, loss in zip(test.rates, test.losses, strict=True)
    )
    return [
        f"The learning rate {test.learning_rate:g} was chosen by a range test of {test.steps} steps "
        f"({test.seconds:.1f} s, not part of the budget). Loss of held-out training text by rate: {tried}."
    ]


def _planned_range_test(training: MeasuredTraining) -> tuple[float, list[str]]:
    """Return how many seconds `learning_rate: auto` takes at most, and a note that says so."""
    from bakeoff.training.range_test import TRIALS, trial_steps

    steps = training.course.steps
    if not steps:
        return 0.0, []
    tried = TRIALS * trial_steps(steps)
    # Every step is trained on, and as many are evaluated: a forward pass, a third of a step.
    seconds = training.seconds / steps * tried * 4 / 3
    return seconds, [f"The range test takes up to {tried} steps of its own, counted in the total time."]
