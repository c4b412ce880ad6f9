"""Method `predictions`: a file of somebody else's answers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff import machine
from bakeoff.errors import UserError
from bakeoff.methods.base import ClassificationMethod, SavedClassifier, TextModel
from bakeoff.methods.context import FitContext, FitReport, PlanContext
from bakeoff.methods.predictions.config import PredictionsConfig
from bakeoff.runs.plans import ContestantPlan
from bakeoff.runs.results import TrainingCost

if TYPE_CHECKING:
    from bakeoff.data.types import SplitTable
    from bakeoff.methods.predictions.model import PredictionsModel
    from bakeoff.sections import RequestedPrecision


class PredictionsMethod(ClassificationMethod[PredictionsConfig]):
    """Nothing is trained: the answers are looked up."""

    config = PredictionsConfig
    uses_gpu = False
    uses_seed = False
    multilabel = True

    def check(self, name: str, config: PredictionsConfig, data: SplitTable) -> None:
        if data.is_fold:
            return  # the check of the whole table reads the file, and matches the same rows
        from bakeoff.methods.predictions.matching import match

        try:
            match(config, data)
        except UserError as error:
            raise UserError(f"contestants.{name}: {error.message}", error.hint) from error

    def fit(self, config: PredictionsConfig, data: SplitTable, context: FitContext) -> FitReport:
        from bakeoff.methods.predictions.matching import match

        context.progress.stage("matching answers")
        matched = match(config, data)
        context.save(matched.model.save)
        return FitReport(TrainingCost(precision="fp64"), matched.notes)

    def load(
        self, folder: Path, saved: SavedClassifier, precision: RequestedPrecision | None = None
    ) -> PredictionsModel:
        from bakeoff.methods.predictions.model import PredictionsModel

        return PredictionsModel.load(folder)

    def learns(self, config: PredictionsConfig) -> bool:
        return False

    def calibrates(self, model: TextModel) -> bool:
        from bakeoff.methods.predictions.model import PredictionsModel

        return isinstance(model, PredictionsModel) and model.calibrates

    def chooses_thresholds(self, model: TextModel) -> bool:
        return self.calibrates(model)  # labels without probabilities are taken as they are

    def plan(self, config: PredictionsConfig, data: SplitTable, context: PlanContext) -> ContestantPlan:
        """Match the answers, which is all that a run does."""
        from bakeoff.methods.predictions.matching import match

        started = time.perf_counter()
        answers = match(config, data).model.answers
        seconds = time.perf_counter() - started
        size = len(answers) * (32 + 8 * len(data.label_names))
        return ContestantPlan(
            name=context.name,
            method=config.method,
            evaluation_seconds=seconds,
            total_seconds=seconds,
            peak_memory_bytes=machine.peak_memory_bytes(),
            model_bytes=size,
            disk_bytes=2 * size,
            trainable_parameters=0,
            total_parameters=None,
            notes=["Nothing is trained, and what the answers cost is not counted."],
        )

    def describe(self, config: PredictionsConfig) -> str:
        return f"Answers from the file `{Path(config.file).name}`, which were not made by bakeoff"
