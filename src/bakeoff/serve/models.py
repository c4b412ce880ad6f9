"""The contestants being served: found in run folders, loaded on first use."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff import machine
from bakeoff.errors import DamagedError, UserError
from bakeoff.pretrained.pointer import stored_quantization
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.reading import explained_damage
from bakeoff.runs.results import ContestantResult
from bakeoff.serve.curves import CurvesReader
from bakeoff.serve.errors import ApiError
from bakeoff.serve.shapes import Task
from bakeoff.tasks.classifier import Classifier, addresses, load_classifier, running_code

if TYPE_CHECKING:
    from bakeoff.lm.language_model import LanguageModel
    from bakeoff.tasks.base import Contestant

BYTES_A_WEIGHT = 12
"""Peak memory of loading: the weights in fp32, the decoder's copies, and what building the decoder needs.

Those of a GGUF file and of a run in bf16 are in fp32 here, too."""

QUANTIZED_BYTES_A_WEIGHT = 4
"""The same for weights in 8 or 4 bits, of which the decoder has no copies: no weight takes more than in fp32, as those
of the embeddings are, and the model is never whole in memory before it is quantized."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServedModel:
    """A contestant that has finished."""

    id: str  # RUN/CONTESTANT
    run: str
    folder: ContestantFolder
    result: ContestantResult
    address: str | None = None  # that it sends texts to for an answer


class ServedRun:
    """A run folder, finished or still training."""

    def __init__(self, name: str, folder: RunFolder) -> None:
        self.name = name
        self.folder = folder
        self.curves = CurvesReader()
        with explained_damage(folder.path):
            values = folder.config_values()
            self.task: Task = values["task"]
            self.created = int(datetime.fromisoformat(folder.environment().created).timestamp())
            self.methods: dict[str, str] = {name: config["method"] for name, config in values["contestants"].items()}
            self.addresses = addresses(folder)
        self._models: dict[str, ServedModel] = {}  # a result never changes once it exists
        self._results: dict[str, ContestantResult] = {}

    @cached_property
    def _trainings(self) -> list[Contestant]:
        from bakeoff.config.load import load_config
        from bakeoff.trainings import list_trainings

        return list_trainings(self.folder, load_config(self.folder.config_values()), writes=False)

    def ended(self, contestant: str) -> bool:
        """Return whether all trainings of a contestant have ended: with each seed, on each fold and part of the rows.

        Raises:
            UserError: the config cannot be read any more.
        """
        if self.folder.concluded:
            return True
        return all(training.folder.ended for training in self._trainings if training.name == contestant)

    def result(self, contestant: str) -> ContestantResult | None:
        """Return the means over the seeds of a contestant, or None until all of its trainings have a result.

        Raises:
            UserError: a file of the contestant is damaged.
        """
        if contestant not in self._results:
            folder = self.folder.contestant(contestant, writes=False)
            if not self.ended(contestant) or folder.failure() is not None:
                return None
            self._results[contestant] = folder.average() if self.folder.concluded else self._mean(folder)
        return self._results[contestant]

    def _mean(self, folder: ContestantFolder) -> ContestantResult:
        """Return what `conclude` will write, which waits for the other contestants."""
        from bakeoff.evaluation.repeats import average

        results = [repeat.result() for repeat in folder.repeats()]
        if len(results) == 1:
            return results[0]
        confidence = self.folder.config_values()["evaluation"]["confidence"]
        return average(results, [repeat.scores() for repeat in folder.repeats()], confidence=confidence)

    def model(self, contestant: str) -> ServedModel | None:
        """Return a contestant, which can answer as soon as its first seed has finished; None before."""
        folder = self.folder.contestant(contestant, writes=False)
        if contestant not in self._models:
            try:
                if not folder.finished:
                    return None
                result = folder.result()
            except UserError as error:  # a damaged contestant must not take the others down
                _log.warning("%s", error.message)
                return None
            self._models[contestant] = ServedModel(
                f"{self.name}/{contestant}", self.name, folder, result, self.addresses.get(contestant)
            )
        return self._models.get(contestant)

    def models(self) -> Iterator[ServedModel]:
        """Yield the contestants that have finished, in the order of the config."""
        for contestant in self.methods:
            if (model := self.model(contestant)) is not None:
                yield model


def find_runs(paths: Sequence[Path]) -> dict[str, ServedRun]:
    """Return the runs in these folders by unique names (`run`, `run-2`).

    Damaged or old ones are skipped with a warning.

    Raises:
        UserError: a folder holds no run, or no run can be read.
    """
    runs: dict[str, ServedRun] = {}
    problems: list[UserError] = []
    for path in dict.fromkeys(path.resolve() for path in paths):
        folder = RunFolder(path)
        name, number = path.name, 1
        while name in runs:
            number += 1
            name = f"{path.name}-{number}"
        try:
            folder.must_hold_a_run()
            runs[name] = ServedRun(name, folder)
            for contestant, address in runs[name].addresses.items():
                _log.warning("%s/%s sends the texts of all clients to %s.", name, contestant, address)
            for contestant in running_code(folder):
                _log.warning("%s/%s may run code that its config names when it is loaded.", name, contestant)
        except UserError as error:
            if not isinstance(error, DamagedError) and not folder.holds_a_run:  # a mistyped path
                raise
            problems.append(error)
    if problems and not runs:
        raise problems[0]
    for problem in problems:
        _log.warning("Not served: %s", problem.message)
    return runs


class Models:
    """All contestants of the runs, by id. Only the worker's thread may load models."""

    def __init__(self, runs: Mapping[str, ServedRun]) -> None:
        self.runs = runs
        self.loaded: OrderedDict[str, Any] = OrderedDict()  # least recently used first
        self._memory_without = 0  # bytes of the process before any of them was loaded

    def listed(self, task: Task | None = None) -> list[ServedModel]:
        """Return the contestants that have finished, of one task or of both."""
        return [model for run in self.runs.values() if task in (None, run.task) for model in run.models()]

    def find(self, id: str, task: Task | None = None) -> ServedModel:
        """Return a model by its id.

        Raises:
            ApiError: there is no such model, or it has another task.
        """
        name, _, contestant = id.partition("/")
        run = self.runs.get(name)
        if run is None or contestant not in run.methods:
            known = ", ".join(model.id for model in self.listed(task)) or "none yet"
            raise ApiError(404, f"There is no model {id!r}. Models: {known}.", param="model", code="model_not_found")
        if task not in (None, run.task):
            route = "/v1/classify" if run.task == "classification" else "/v1/completions"
            raise ApiError(400, f"The task of {id} is {run.task}. Use {route}.", param="model")
        model = run.model(contestant)
        if model is None:
            raise ApiError(404, f"{id} is not trained yet.", param="model", code="model_not_ready")
        return model

    def classifier(self, model: ServedModel) -> Classifier:
        """Load a classifier, or return it from memory.

        Raises:
            ApiError: it cannot be loaded.
        """
        classifier: Classifier = self._load(model, lambda: load_classifier(model.folder.path))
        return classifier

    def language_model(self, model: ServedModel) -> LanguageModel:
        """Load a language model with its decoder, or return it from memory.

        The decoder is built right away, so that the same request always gets the same text.

        Raises:
            ApiError: it cannot be loaded.
        """

        from bakeoff.lm.causal_model import DECODER_PAYS_FROM  # torch, which takes seconds to import
        from bakeoff.lm.sources import load_language_model

        def load() -> LanguageModel:
            language_model = load_language_model(str(model.folder.path))
            language_model.decoder_for(DECODER_PAYS_FROM)
            return language_model

        loaded: LanguageModel = self._load(model, load)
        return loaded

    def _load(self, model: ServedModel, load: Callable[[], Any]) -> Any:
        if model.id not in self.loaded:
            try:
                self._make_room(_loading_bytes(model))
                self.loaded[model.id] = load()
            except (UserError, OSError) as error:  # the message contains paths on the server
                _log.error("%s cannot be loaded: %s", model.id, error)
                raise ApiError(500, f"{model.id} cannot be loaded. The server's log says why.") from error
        self.loaded.move_to_end(model.id)
        return self.loaded[model.id]

    def forget(self, run: str) -> None:
        """Drop the models of a run from memory. Their files may be gone already."""
        for id in [id for id in self.loaded if id.partition("/")[0] == run]:
            del self.loaded[id]
        machine.give_memory_back()

    def _make_room(self, needed: int) -> None:
        """Evict the least recently used models until this many bytes are free.

        Raises:
            ApiError: there would be too little memory without any model, so none is evicted.
        """
        if not self.loaded:
            machine.give_memory_back()
            self._memory_without = machine.memory_bytes()
        most = machine.available_memory_bytes() + machine.memory_bytes() - self._memory_without
        while machine.available_memory_bytes() < needed:
            if not self.loaded or most < needed:
                raise ApiError(503, "There is not enough memory to load this model right now.", code="out_of_memory")
            self.loaded.popitem(last=False)
            machine.give_memory_back()


def _loading_bytes(model: ServedModel) -> int:
    """Return about the most memory that loading a model takes.

    Raises:
        UserError: a file of the contestant is damaged.
    """
    result = model.result
    weights = result.total_parameters
    if weights is None:  # such as an endpoint's in an ensemble, whose other members are on the disk in fp32
        weights = result.model_bytes // 4
    behind = (str(model.folder.model), result.pretrained_model)  # its own, or the one that a `prompt` asks
    quantized = any(stored_quantization(name) for name in behind if name)
    return (QUANTIZED_BYTES_A_WEIGHT if quantized else BYTES_A_WEIGHT) * weights
