"""The interface of a task, and the registry of tasks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bakeoff.methods.base import Task
from bakeoff.targets import load_target

if TYPE_CHECKING:
    from bakeoff.config.bakeoff import BakeoffConfig
    from bakeoff.runs.contestant_folder import ContestantFolder
    from bakeoff.runs.data_report import DataReport
    from bakeoff.runs.findings import TextTraits
    from bakeoff.runs.plans import ContestantPlan
    from bakeoff.runs.results import ContestantResult
    from bakeoff.training.progress import Progress

Config = TypeVar("Config")
Data = TypeVar("Data")

_TASKS: dict[Task, str] = {
    "classification": "bakeoff.tasks.classification:ClassificationTask",
    "language-model": "bakeoff.tasks.language_model:LanguageModelTask",
}
"""Imported on demand, because transformers and torch are slow to import."""


@dataclass(frozen=True)
class Contestant:
    """A contestant of a run, with one of its seeds, on one fold of the data if there are several."""

    name: str
    seed: int
    folder: ContestantFolder
    label: str  # for people: the name, with seed and fold where there are several
    earlier: Mapping[str, ContestantFolder]  # those before it, by name: of the same seed, if they use one, and fold
    fold: int = 0  # from 1; 0: there are no folds, or all of them are trained and this is the model that is kept
    part: int = 0  # of the training rows, from 1; 0: all of them
    trial: int = 0  # of its search, from 1, made by itself; 0: the whole search, or there is none
    before: Sequence[Contestant] = ()  # its earlier trainings: with other seeds, on other folds and parts

    @property
    def own_folder(self) -> ContestantFolder:
        """The folder that this training alone writes."""
        return self.folder.trial(self.trial) if self.trial else self.folder


class BakeoffTask(ABC, Generic[Config, Data]):
    """Prepares data, trains, evaluates and plans the contestants of one task."""

    @abstractmethod
    def prepare(self, config: Config) -> tuple[Data, DataReport]:
        """Read and split the data, and check that every contestant can be trained on them.

        Raises:
            UserError: the data cannot be read or used, or a contestant cannot be trained on them.
        """

    @abstractmethod
    def bake(self, config: Config, contestant: Contestant, data: Data, progress: Progress) -> ContestantResult | None:
        """Train and evaluate a contestant. The test split is used once, with the best weights.

        Under torchrun, processes other than the main one have no result if they leave the evaluation to it.

        Raises:
            UserError: the settings do not work with the data, or the disk is full.
        """

    @abstractmethod
    def make_trial(self, config: Config, contestant: Contestant, data: Data, progress: Progress) -> None:
        """Make one trial of a contestant's search, and write it into the trial's folder.

        Raises:
            UserError: as `bake`.
        """

    def traits(self, config: Config, data: Data, progress: Progress) -> TextTraits | None:
        """Return what is known of the test texts besides their labels, to find out where contestants fail."""
        return None

    @abstractmethod
    def plan(self, config: Config, data: Data, progress: Progress) -> list[ContestantPlan]:
        """Forecast the cost of each contestant.

        Raises:
            UserError: anything that would end the bake-off before its first step.
        """


def get_task(config: BakeoffConfig) -> BakeoffTask[Any, Any]:
    """Return the task of a config."""
    task: BakeoffTask[Any, Any] = load_target(_TASKS[config.task])()
    return task
