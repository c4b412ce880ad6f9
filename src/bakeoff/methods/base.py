"""All that the rest of the house knows of a method.

A method lives in one folder: its settings (`config.py`), and a class (`method.py`) that trains, loads, plans and
describes its models. `registry.py` finds the class by name. Importing `method.py` must be cheap, because reading a
config needs it: it imports torch and the like inside its functions.
"""

from __future__ import annotations

import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar

from bakeoff import machine
from bakeoff.sections import Budget, RequestedPrecision, Section

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bakeoff.data.types import SplitCorpus, SplitTable  # noqa: F401 (named in a string)
    from bakeoff.lm.language_model import LanguageModel
    from bakeoff.lm.perplexity import Scores
    from bakeoff.lm.scoring_plan import ScoringPlan
    from bakeoff.runs.folder import ContestantFolder
    from bakeoff.runs.plans import ContestantPlan
    from bakeoff.runs.results import TrainingCost
    from bakeoff.training.progress import Progress

Task = Literal["classification", "language-model"]

PLANNED_CHARACTERS = 3_000_000
"""A method that learns in one go is planned on this many characters of training text, a few seconds of work."""


class MethodConfig(Section):
    """Settings of a contestant. `method` says which method they are for."""

    method: str

    def local_paths(self) -> dict[str, str]:
        """Return the files and folders that the settings may name, by dotted key: `{"pretrain.text": "a.csv"}`.

        Those that exist are stored by their full path, and files are fingerprinted.
        """
        return {}

    @property
    def builds_on(self) -> Sequence[str]:
        """Names of the contestants that must be trained before this one."""
        return ()

    @property
    def pretrained_model(self) -> str | None:
        """The pretrained model that the contestant starts from, or None if it starts from nothing."""
        return None


@dataclass(frozen=True)
class Context:
    """What a method may know besides its settings and the data."""

    name: str  # of the contestant
    seed: int
    budget: Budget
    progress: Progress
    base: BaseModel | None = None  # language-model tasks: the model that every contestant starts from


@dataclass(frozen=True)
class FitContext(Context):
    """The same for a training."""

    folder: ContestantFolder = field(kw_only=True)
    members: Mapping[str, ContestantFolder] = field(default_factory=dict, kw_only=True)  # trained before, by name


@dataclass(frozen=True)
class PlanContext(Context):
    """The same for a plan."""

    plans: Mapping[str, ContestantPlan] = field(default_factory=dict, kw_only=True)  # made before, by name


@dataclass
class BaseModel:
    """The pretrained model of a language-model bake-off, loaded once by whoever needs it first."""

    name: str  # as the config gives it
    precision: RequestedPrecision
    _loaded: LanguageModel | None = None

    def get(self) -> LanguageModel:
        """Return the model in fp32, to read text with its tokenizer."""
        if self._loaded is None:
            from bakeoff.lm.sources import load_language_model

            self._loaded = load_language_model(self.name, precision="fp32")
        return self._loaded

    def take(self) -> LanguageModel:
        """Return the model and forget it: the caller may change its weights, and frees its memory."""
        model, self._loaded = self.get(), None
        return model


@dataclass
class FitReport:
    """What a fit took, and what a reader of the result must know."""

    cost: TrainingCost
    notes: list[str] = field(default_factory=list)
    trainable_parameters: int | None = None  # None: all of the model's
    total_parameters: int | None = None  # None: as the loaded model counts them
    earlier_seconds: float = 0.0  # time spent before this call: earlier sessions of a resumed run, or members
    settings: dict[str, Any] = field(default_factory=dict)  # settings that the fit itself chose


class TextModel(Protocol):
    """A trained classifier of any method. Its probabilities are not calibrated yet."""

    @property
    def parameters(self) -> int:
        """Number of parameters."""

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return shape (texts, classes). A text's row must not depend on the texts beside it."""


@dataclass(frozen=True)
class SavedClassifier:
    """What is known of a saved classifier besides its own files."""

    method: str
    labels: list[str]
    settings: dict[str, Any]  # as in the config, every default resolved


Config = TypeVar("Config", bound=MethodConfig)
Data = TypeVar("Data")


class Method(ABC, Generic[Config, Data]):
    """A way to learn. Subclass `ClassificationMethod` or `LanguageModelMethod`."""

    task: ClassVar[Task]
    config: ClassVar[type[MethodConfig]]
    uses_seed: ClassVar[bool] = True  # False: `repeats` trains it once
    token_unit: ClassVar[str] = "words"  # what its training tokens are

    def check(self, name: str, config: Config, data: Data) -> None:
        """Refuse, before anything is trained, what cannot work.

        Raises:
            UserError: naming `contestants.NAME` and the setting.
        """

    @abstractmethod
    def fit(self, config: Config, data: Data, context: FitContext) -> FitReport:
        """Train, or continue where an earlier session stopped. The model ends in `context.folder.model`.

        Under torchrun every process calls this; only those with `context.folder.writes` may write.

        Raises:
            UserError: the settings do not work with the data, or the disk is full.
        """

    @abstractmethod
    def plan(self, config: Config, data: Data, context: PlanContext) -> ContestantPlan:
        """Forecast what `fit` and the evaluation will take.

        Raises:
            UserError: whatever would end the run before its first step.
        """

    @abstractmethod
    def describe(self, config: Config) -> str:
        """Return what the model is, for its model card: a sentence in Markdown without the final period."""

    def memory_advice(self, config: Config) -> str:
        """Return what to change where memory falls short: "lower its batch_size". Empty: nothing helps."""
        return ""


class ClassificationMethod(Method[Config, "SplitTable"]):
    """A method for `task: classification`."""

    task: ClassVar[Task] = "classification"
    calibrate: ClassVar[bool] = True  # False: its probabilities are left as they are

    @abstractmethod
    def load(self, folder: Path, saved: SavedClassifier, precision: RequestedPrecision | None = None) -> TextModel:
        """Load what `fit` has saved.

        Args:
            folder: The contestant's `model/`, or a copy of it.
            precision: Of the arithmetic, if the user asks for one and the method has a choice.
        """

    def plan(self, config: Config, data: SplitTable, context: PlanContext) -> ContestantPlan:
        """Fit on a part of the texts and scale up: right for methods that learn in one go."""
        from bakeoff.runs.folder import ContestantFolder
        from bakeoff.runs.plans import ContestantPlan
        from bakeoff.runs.writing import folder_bytes

        context.progress.stage("fitting a part")
        part = sample(data, PLANNED_CHARACTERS)
        factor = len(data.train) / len(part.train)
        with tempfile.TemporaryDirectory() as temporary:
            folder = ContestantFolder(Path(temporary) / context.name)
            fitting = FitContext(context.name, context.seed, context.budget, context.progress, folder=folder)
            started = time.perf_counter()
            growth = machine.memory_growth(lambda: self.fit(config, part, fitting))
            seconds = (time.perf_counter() - started) * factor
            peak = machine.peak_memory_bytes() + int(growth * (factor - 1))
            model_bytes = int(folder_bytes(folder.model) * factor)
            saved = SavedClassifier(config.method, data.label_names, config.model_dump(mode="json"))
            model = self.load(folder.model, saved)
        texts = data.test.texts[: len(part.train)]
        started = time.perf_counter()
        model.probabilities(texts)
        evaluating = (time.perf_counter() - started) * (len(data.test) + len(data.validation)) / len(texts)
        whole = len(part.train) == len(data.train)
        parameters = model.parameters if whole else None
        return ContestantPlan(
            name=context.name,
            method=config.method,
            training_seconds=seconds,
            evaluation_seconds=evaluating,
            total_seconds=seconds + evaluating,
            peak_memory_bytes=peak,
            model_bytes=model_bytes,
            disk_bytes=2 * model_bytes,  # the new model is complete before the old one goes
            trainable_parameters=parameters,
            total_parameters=parameters,
            notes=[]
            if whole
            else [
                f"Fitted on {len(part.train):,} of {len(data.train):,} texts; time, memory and disk are scaled up. The "
                "number of parameters is known only after a fit on all of them."
            ],
        )


class LanguageModelMethod(Method[Config, "SplitCorpus"]):
    """A method for `task: language-model`. Its `model/` is a folder that `load_language_model` reads."""

    task: ClassVar[Task] = "language-model"
    token_unit: ClassVar[str] = "tokens"

    def load(self, folder: Path, precision: RequestedPrecision) -> LanguageModel:
        """Load what `fit` has saved."""
        from bakeoff.lm.sources import load_language_model

        return load_language_model(str(folder), precision=precision)

    def conclude(
        self,
        config: Config,
        folder: ContestantFolder,
        evaluated: LanguageModel,
        plan: ScoringPlan,
        scores: Scores,
        progress: Progress,
    ) -> list[str]:
        """Change what is saved, once it has been evaluated; return notes for the result.

        Args:
            evaluated: The model as `load` gave it.
            scores: What it scored under `plan`, that of the first protocol.
        """
        return []


def sample(data: SplitTable, characters: int) -> SplitTable:
    """Return the data with the first training texts only, about this many characters, and at least one of each class.

    The split is shuffled, so the first texts are a random sample.
    """
    total = sum(map(len, data.train.texts))
    if total <= characters:
        return data
    count = max(len(data.label_names) * 10, int(len(data.train) * characters / total))
    rows = list(range(min(count, len(data.train))))
    absent = set(range(len(data.label_names))) - {data.train.labels[row] for row in rows}
    rows += [data.train.labels.index(label) for label in sorted(absent) if label in data.train.labels]
    return replace(data, train=data.train.of(rows))
