"""The circumstances that a method gets for a fit or a plan, and the report that a fit returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.sections import Budget, Quantization, RequestedPrecision, Strategy

if TYPE_CHECKING:
    from bakeoff.lm.language_model import LanguageModel
    from bakeoff.runs.contestant_folder import ContestantFolder
    from bakeoff.runs.plans import ContestantPlan
    from bakeoff.runs.results import TrainingCost
    from bakeoff.training.progress import Progress


@dataclass(frozen=True)
class Context:
    """The circumstances of a fit or a plan, besides config and data."""

    name: str  # of the contestant
    seed: int
    budget: Budget
    progress: Progress
    base: BaseModel | None = None  # language-model tasks: the model that every contestant starts from
    strategy: Strategy = "ddp"


@dataclass(frozen=True)
class FitContext(Context):
    """The circumstances of a fit."""

    folder: ContestantFolder = field(kw_only=True)
    members: Mapping[str, ContestantFolder] = field(default_factory=dict, kw_only=True)  # of `builds_on`, by name
    before: Sequence[ContestantFolder] = field(default=(), kw_only=True)
    """Of its earlier trainings: with other seeds, on other folds and parts of the rows."""
    fitted_before: list[TrainingCost] = field(default_factory=list, kw_only=True)
    """What was fitted before the training and has no log, so that it counts even if the training does not end."""
    kept: dict[str, Any] | None = field(default=None, kw_only=True)
    """In a search: what a trial has fitted that later ones can use, by a name for it."""

    def save(self, write: Callable[[Path], None]) -> None:
        """Fill the contestant's model/: `write` gets an empty folder, which moves into place when it is complete.

        Under torchrun only the main process writes.

        Raises:
            UserError: the disk is full, or the folder cannot be written.
        """
        from bakeoff.runs.writing import replaced_folder

        if self.folder.writes:
            with replaced_folder(self.folder.model) as temporary:
                write(temporary)


@dataclass(frozen=True)
class PlanContext(Context):
    """The circumstances of a plan."""

    plans: Mapping[str, ContestantPlan] = field(default_factory=dict, kw_only=True)  # of earlier contestants, by name
    measured: dict[str, Any] = field(default_factory=dict, kw_only=True)
    """What a contestant has measured that later ones can use, by a name for it."""


@dataclass
class BaseModel:
    """The pretrained model of a language-model bake-off, loaded when it is first needed."""

    name: str  # as the config gives it
    precision: RequestedPrecision
    quantization: Quantization | None = None
    sharded: bool = False  # training shards it: only the main process loads the weights
    _loaded: LanguageModel | None = None

    def get(self) -> LanguageModel:
        """Return the model in fp32 (quantized weights aside), to read text with its tokenizer."""
        if self._loaded is None:
            from bakeoff.lm.sources import load_for_sharding, load_language_model

            if self.sharded:
                self._loaded = load_for_sharding(self.name)
            else:
                self._loaded = load_language_model(self.name, precision="fp32", quantization=self.quantization)
        return self._loaded

    def take(self) -> LanguageModel:
        """Return the model and forget it, so that the caller may change its weights and free its memory."""
        model, self._loaded = self.get(), None
        return model


@dataclass
class FitReport:
    """The cost of a fit, and notes for readers of the result."""

    cost: TrainingCost
    notes: list[str] = field(default_factory=list)
    trainable_parameters: int | None = None  # None: all parameters of the model
    total_parameters: int | None = None  # None: as the loaded model counts them
    earlier_seconds: float = 0.0  # spent before this call: in earlier sessions of a resumed run, or on members
    settings: dict[str, Any] = field(default_factory=dict)  # chosen during the fit, such as a learning rate
