"""Method `majority`: always predict the most frequent class."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.methods.base import ClassificationMethod, SavedClassifier
from bakeoff.methods.context import FitContext, FitReport
from bakeoff.methods.majority.config import MajorityConfig
from bakeoff.methods.proposals import Proposal, TableFacts
from bakeoff.runs.results import TrainingCost

if TYPE_CHECKING:
    from bakeoff.data.types import SplitTable
    from bakeoff.methods.majority.model import MajorityModel
    from bakeoff.sections import RequestedPrecision


class MajorityMethod(ClassificationMethod[MajorityConfig]):
    """The baseline that every other contestant has to beat."""

    config = MajorityConfig
    uses_gpu = False
    uses_seed = False
    calibrate = False  # frequencies are already calibrated
    multilabel = True

    def fit(self, config: MajorityConfig, data: SplitTable, context: FitContext) -> FitReport:
        from bakeoff.methods.majority.model import MajorityModel

        started = time.perf_counter()
        model = MajorityModel.fit(data.train.targets, len(data.label_names))
        seconds = time.perf_counter() - started
        context.save(model.save)
        return FitReport(TrainingCost(seconds=seconds, precision="fp64"))

    def load(self, folder: Path, saved: SavedClassifier, precision: RequestedPrecision | None = None) -> MajorityModel:
        from bakeoff.methods.majority.model import MajorityModel

        return MajorityModel.load(folder)

    def propose(self, facts: TableFacts) -> list[Proposal]:
        reason = "always predicts the most frequent class: the baseline"
        return [Proposal("majority", reason, is_quick=True, is_baseline=True)]

    def describe(self, config: MajorityConfig) -> str:
        return "A classifier that gives every text the class frequencies of its training texts"
