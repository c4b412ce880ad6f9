"""Everything that the rest of bakeoff knows about a method.

A method lives in one folder: its settings (`config.py`) and a class (`method.py`) that trains, loads, plans and
describes its models. `registry.py` finds the class by name. Reading a config imports `method.py`, so that import must
be cheap: torch and other heavy libraries are imported inside functions.
"""

from __future__ import annotations

import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, Self, TypeVar, runtime_checkable

from pydantic import Field, model_validator

from bakeoff import machine
from bakeoff.errors import UserError
from bakeoff.methods.context import FitContext, FitReport, PlanContext
from bakeoff.methods.evaluated import evaluated_texts
from bakeoff.methods.export_formats import ExportFormat
from bakeoff.methods.proposals import Proposal, TableFacts
from bakeoff.methods.search_space import SearchSpace, Tune
from bakeoff.sections import Budget, Quantization, RequestedPrecision, Section

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bakeoff.data.types import LabeledTexts, SplitCorpus, SplitTable  # noqa: F401 (named in a string)
    from bakeoff.lm.exporting.reading import ReadBack
    from bakeoff.lm.language_model import LanguageModel
    from bakeoff.lm.perplexity import Scores
    from bakeoff.lm.scoring_plan import ScoringPlan
    from bakeoff.runs.contestant_folder import ContestantFolder
    from bakeoff.runs.plans import ContestantPlan
    from bakeoff.runs.results import Usage
    from bakeoff.training.progress import Progress

Task = Literal["classification", "language-model"]

PLANNED_CHARACTERS = 3_000_000
"""The default plan fits on this many characters of training text, a few seconds of work."""


class MethodConfig(Section):
    """Settings of a contestant. A subclass declares them as fields and narrows `method` to a `Literal`."""

    method: str
    tune: Tune | None = Field(None, description="Search for better settings within the method's search space.")
    search_space: ClassVar[SearchSpace] = {}
    reads_code: ClassVar[bool] = False
    """True if `local_paths` lead to a folder with the user's own code, which no storage of a cluster is given."""
    changeable: ClassVar[tuple[str, ...]] = ()
    """Settings on which no result depends: `resume --set` may change them."""

    @model_validator(mode="after")
    def _can_be_tuned(self) -> Self:
        if self.tune is not None:
            if not self.search_space:
                raise ValueError(f"tune: method {self.method} has no settings to search")
            unknown = [name for name in self.tune.settings or () if name not in self.search_space]
            if unknown:
                raise ValueError(
                    f"tune.settings: {unknown[0]!r} cannot be searched; these can: {', '.join(self.search_space)}"
                )
        return self

    def local_paths(self) -> dict[str, str]:
        """Return the files and folders that the settings name, by dotted key: `{"pretrain.text": "a.csv"}`.

        The run stores those that exist by their full path, and fingerprints files. Open them by
        `bakeoff.copied_files.here(path)`: another machine of a cluster may have a copy.
        """
        return {}

    @property
    def builds_on(self) -> Sequence[str]:
        """Return the names of the contestants that must be trained before this one."""
        return ()

    @property
    def pretrained_model(self) -> str | None:
        """Return the pretrained model that the contestant starts from, or None."""
        return None

    @property
    def limits_spending(self) -> bool:
        """Return whether a limit holds for what all trainings of the contestant cost: they then run one by one."""
        return False


class UnknownTextError(UserError):
    """A text for which a model has no answer, because it only knows the answers to certain texts."""


class TextModel(Protocol):
    """A trained classifier of any method. Its probabilities are not calibrated yet.

    Where a text can have several labels, the probability of each is that of a yes-or-no question.
    """

    @property
    def parameters(self) -> int | None:
        """Return the number of parameters, or None where nobody tells."""

    def probabilities(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return the probabilities of the labels, shape (texts, labels). A row must not depend on the other texts.

        Raises:
            UnknownTextError: the model has no answer for a text that is neither in the validation nor the test split.
        """


@runtime_checkable
class AskedModel(Protocol):
    """A `TextModel` whose answers take long or cost something, which it tells."""

    progress: Progress  # is told how the answering proceeds; set before the evaluation

    @property
    def usage(self) -> Usage | None:
        """Return what all answers so far took, or None if they cost nothing but time."""

    def add_spent(self, money: float) -> None:
        """Count USD that earlier trainings of the contestant have cost toward a limit, though not in `usage`."""

    @property
    def notes(self) -> list[str]:
        """Return sentences about the answers so far that a reader of the result should see."""


@dataclass(frozen=True)
class SavedClassifier:
    """The facts about a saved classifier that its own files need not hold."""

    method: str
    labels: list[str]
    settings: dict[str, Any]  # as in the config, every default resolved
    multilabel: bool = field(default=False, kw_only=True)  # a text can have several labels, or none
    columns: list[str] = field(default_factory=list, kw_only=True)  # that it reads beside the text


Config = TypeVar("Config", bound=MethodConfig)
Data = TypeVar("Data")


class Method(ABC, Generic[Config, Data]):
    """A way to train models. Subclass `ClassificationMethod` or `LanguageModelMethod`."""

    task: ClassVar[Task]
    config: ClassVar[type[MethodConfig]]
    uses_seed: ClassVar[bool] = True  # False: `repeats` trains it once
    uses_gpu: ClassVar[bool] = True  # False: it computes on the CPU even where there is a GPU
    token_unit: ClassVar[str] = "words"  # what `TrainingCost.tokens` counts
    runs_code: ClassVar[bool] = False  # True: it runs code that a config names; for who takes configs from strangers
    exports: ClassVar[tuple[ExportFormat, ...]] = ()  # the formats that `export` can write, the default first

    def check(self, name: str, config: Config, data: Data) -> None:
        """Refuse what cannot work, before anything is trained.

        Raises:
            UserError: naming `contestants.NAME` and the setting.
        """

    @abstractmethod
    def fit(self, config: Config, data: Data, context: FitContext) -> FitReport:
        """Train, or continue where an earlier session stopped, and save the model with `context.save`.

        Under torchrun every process calls this, and only those with `context.folder.writes` may write.

        Raises:
            UserError: the settings do not work with the data, or the disk is full.
        """

    @abstractmethod
    def plan(self, config: Config, data: Data, context: PlanContext) -> ContestantPlan:
        """Forecast the cost of `fit` and of the evaluation.

        Raises:
            UserError: anything that would end the run before its first step.
        """

    @abstractmethod
    def describe(self, config: Config) -> str:
        """Return a sentence in Markdown for the model card that says what the model is, without the final period."""

    def export_refusal(self, config: Config, format: ExportFormat) -> str | None:
        """Return why a model with this config cannot be written in a format of `exports`, or None if it can."""
        return None

    def sharding_refusal(self, config: Config) -> str | None:
        """Return why `distributed.strategy: fsdp` cannot train with this config, or None if it can."""
        return None

    def memory_advice(self, config: Config) -> str:
        """Return what to change when memory runs short, such as "lower its batch_size", or "" if nothing helps."""
        return ""


class ClassificationMethod(Method[Config, "SplitTable"]):
    """A method for `task: classification`."""

    task: ClassVar[Task] = "classification"
    calibrate: ClassVar[bool] = True  # False: its probabilities are left as they are
    multilabel: ClassVar[bool] = False  # True: it also takes tables whose texts have several labels

    def calibrates(self, model: TextModel) -> bool:
        """Return whether the probabilities of what `load` returned are worth calibrating."""
        return self.calibrate

    def learns(self, config: Config) -> bool:
        """Return whether the answers depend on the training split; if not, a learning curve needs no training."""
        return True

    def asks_anew(self, config: Config, data: SplitTable) -> bool:
        """Return whether another seed asks for other answers; if not, it finds those of the first in a cache."""
        return self.learns(config)

    def check_together(self, name: str, config: Config, trainings: Sequence[SplitTable]) -> None:
        """Refuse what all trainings of a contestant cannot do together, though each could alone: `check` sees one.

        Args:
            trainings: The rows of each training that asks something new.

        Raises:
            UserError: naming `contestants.NAME` and the setting.
        """

    def columns(self, config: Config, data: SplitTable) -> list[str]:
        """Return the columns that a contestant reads beside the text; what builds on it then reads them as well.

        A method that can read some has the setting `features`. Its texts then are `RowTexts`, in training and later.
        """
        return data.features if getattr(config, "features", False) else []

    def chooses_thresholds(self, model: TextModel) -> bool:
        """Return whether labels, where a text can have several, are predicted from thresholds chosen by validation.

        Otherwise those are predicted that reach 0.5.
        """
        return True

    @abstractmethod
    def load(self, folder: Path, saved: SavedClassifier, precision: RequestedPrecision | None = None) -> TextModel:
        """Load what `fit` saved.

        Args:
            folder: The contestant's model/, or a copy of it.
            precision: Precision of the arithmetic, if the user asks for one; methods without a choice ignore it.
        """

    def with_answers(self, model: TextModel, members: Mapping[str, ContestantFolder]) -> TextModel:
        """Return a loaded model that need not compute again what its members have answered in this process."""
        return model

    def propose(self, facts: TableFacts) -> list[Proposal]:
        """Return the contestants of this method that a first bake-off on such a table should have."""
        return []

    def propose_jointly(self, lineup: Sequence[Proposal]) -> list[Proposal]:
        """Return contestants made of those that all methods proposed for a table."""
        return []

    def sends_to(self, config: Config) -> str | None:
        """Return the address that texts are sent to for an answer, or None if they stay on this machine.

        Commands say it, and nothing but the texts to evaluate is then asked for.
        """
        return None

    def training_texts(self, folder: Path, saved: SavedClassifier) -> int:
        """Return how many texts of the training split the saved files hold word for word; `push` says so."""
        return 0

    def export(
        self, format: ExportFormat, source: Path, saved: SavedClassifier, temperature: float, folder: Path
    ) -> Callable[[Sequence[str]], npt.NDArray[Any]]:
        """Write what `fit` saved in a format of `exports`, if `export_refusal` allows it.

        Args:
            source: The contestant's model/.
            temperature: Divides the logits.
            folder: Gets the files. classifier.json is there already.

        Returns:
            A function that computes probabilities, shape (texts, classes), with nothing but the written files.

        Raises:
            UserError: packages are missing.
        """
        raise NotImplementedError(type(self).__name__)

    def plan(self, config: Config, data: SplitTable, context: PlanContext) -> ContestantPlan:
        """Fit on a part of the texts and scale up, which suits methods without epochs."""
        return self.plan_from_sample(config, data, context)[0]

    def plan_from_sample(
        self, config: Config, data: SplitTable, context: PlanContext
    ) -> tuple[ContestantPlan, TextModel]:
        """Return the plan that a fit on a part of the texts gives, and the model of that fit."""
        from bakeoff.runs.contestant_folder import ContestantFolder
        from bakeoff.runs.plans import ContestantPlan
        from bakeoff.runs.writing import folder_bytes

        context.progress.stage("fitting a part")
        part = planned_part(data)
        factor = len(data.train) / len(part.train)
        with tempfile.TemporaryDirectory() as temporary:
            folder = ContestantFolder(Path(temporary) / context.name)
            budget = _part_of(context.budget, 1 / factor)
            fitting = FitContext(context.name, context.seed, budget, context.progress, folder=folder)
            started = time.perf_counter()
            growth = machine.memory_growth(lambda: self.fit(config, part, fitting))
            seconds = (time.perf_counter() - started) * factor
            peak = machine.peak_memory_bytes() + int(growth * (factor - 1))
            model_bytes = int(folder_bytes(folder.model) * factor)
            settings = config.model_dump(mode="json")
            columns = self.columns(config, data)
            saved = SavedClassifier(
                config.method, data.label_names, settings, multilabel=data.multilabel, columns=columns
            )
            model = self.load(folder.model, saved)
        texts = data.test.texts[: len(part.train)]
        started = time.perf_counter()
        model.probabilities(texts)
        evaluating = (time.perf_counter() - started) * len(evaluated_texts(data)) / len(texts)
        whole = len(part.train) == len(data.train)
        parameters = model.parameters if whole else None
        plan = ContestantPlan(
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
        return plan, model


class LanguageModelMethod(Method[Config, "SplitCorpus"]):
    """A method for `task: language-model`. Its `model/` is a folder that `load_language_model` reads."""

    task: ClassVar[Task] = "language-model"
    token_unit: ClassVar[str] = "tokens"
    exports: ClassVar[tuple[ExportFormat, ...]] = ("merged", "gguf", "gguf-q8_0", "onnx", "openvino")

    def load(self, folder: Path, precision: RequestedPrecision) -> LanguageModel:
        """Load what `fit` saved."""
        from bakeoff.lm.sources import load_language_model

        return load_language_model(str(folder), precision=precision)

    def quantization(self, config: Config) -> Quantization | None:
        """Return how the weights of the base model are stored: the setting `quantization`, where a method has it."""
        quantization: Quantization | None = getattr(config, "quantization", None)
        return quantization

    def export(self, format: ExportFormat, source: Path, folder: Path) -> ReadBack:
        """Write what `fit` saved in a format of `exports`, and read it back with another program.

        Args:
            source: The contestant's model/.
            folder: Gets the files.

        Raises:
            UserError: packages are missing, or the format has no place for such a model.
        """
        from bakeoff.lm.exporting.formats import write_language_model

        return write_language_model(format, source, folder)

    def prompt_factor(self, config: Config) -> float:
        """Return about how many times as long as in the data a contestant's prompts are, for plans."""
        return 1.0

    def conclude(
        self,
        config: Config,
        folder: ContestantFolder,
        evaluated: LanguageModel,
        plan: ScoringPlan,
        scores: Scores,
        progress: Progress,
    ) -> list[str]:
        """Change what is saved after the evaluation; return notes for the result.

        Args:
            evaluated: The model as `load` returned it.
            scores: Its scores under `plan`, the plan of the first protocol.
        """
        return []


def _part_of(budget: Budget, share: float) -> Budget:
    """Return the budget of a fit on a share of the texts: as many epochs, so that its time can be scaled up."""
    tokens = None if budget.tokens is None else max(1, round(budget.tokens * share))
    seconds = None if budget.seconds is None else budget.seconds * share
    return budget.model_copy(update={"tokens": tokens, "seconds": seconds})


def planned_part(data: SplitTable) -> SplitTable:
    """Return the data with only the first training texts, `PLANNED_CHARACTERS` or so and at least one of each class.

    The split is shuffled, so the first texts are a random sample.
    """
    total = sum(map(len, data.train.texts))
    if total <= PLANNED_CHARACTERS:
        return data
    count = max(len(data.label_names) * 10, int(len(data.train) * PLANNED_CHARACTERS / total))
    rows = list(range(min(count, len(data.train))))
    return replace(data, train=data.train.of(with_all_labels(data.train, rows, len(data.label_names))))


def with_all_labels(train: LabeledTexts, rows: Sequence[int], labels: int) -> list[int]:
    """Return the rows, and one more row for each label that they lack; of several labels, one without it, too."""
    if train.label_sets is None:
        absent = set(range(labels)) - {train.labels[row] for row in rows}
        return [*rows, *(train.labels.index(label) for label in sorted(absent) if label in train.labels)]
    more: list[int] = []
    part = train.label_sets[list(rows)]
    for label in range(labels):
        for has in (True, False):
            if not (part[:, label] == has).any():
                more += (train.label_sets[:, label] == has).nonzero()[0][:1].tolist()
    return [*rows, *dict.fromkeys(more)]
