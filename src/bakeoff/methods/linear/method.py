"""Method `linear`: TF-IDF of word n-grams and logistic regression."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.methods.base import ClassificationMethod, SavedClassifier
from bakeoff.methods.context import FitContext, FitReport
from bakeoff.methods.linear.config import LinearConfig
from bakeoff.runs.results import TrainingCost

if TYPE_CHECKING:
    from bakeoff.data.types import SplitTable
    from bakeoff.methods.linear.model import LinearModel
    from bakeoff.sections import RequestedPrecision


class LinearMethod(ClassificationMethod[LinearConfig]):
    """A convex problem, which the main process solves alone."""

    config = LinearConfig
    uses_seed = False

    def fit(self, config: LinearConfig, data: SplitTable, context: FitContext) -> FitReport:
        from bakeoff.methods.linear.model import LinearModel

        cost = TrainingCost(precision="fp64")
        if context.folder.writes:
            context.progress.stage("fitting")
            started = time.perf_counter()
            model = LinearModel.fit(data.train.texts, data.train.labels, config)
            cost.seconds = time.perf_counter() - started
            context.save(model.save)
        return FitReport(cost)

    def load(self, folder: Path, saved: SavedClassifier, precision: RequestedPrecision | None = None) -> LinearModel:
        from bakeoff.methods.linear.model import LinearModel

        return LinearModel.load(folder)

    def describe(self, config: LinearConfig) -> str:
        weighted = " weighted by naive Bayes" if config.naive_bayes else ""
        return f"A logistic regression on the TF-IDF of 1- to {config.max_ngram}-grams of words{weighted}"
