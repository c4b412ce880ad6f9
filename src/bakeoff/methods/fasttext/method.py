"""Method `fasttext`: fastText's own classifier."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.methods.base import ClassificationMethod, SavedClassifier
from bakeoff.methods.context import FitContext, FitReport
from bakeoff.methods.fasttext.config import FastTextConfig
from bakeoff.packages import require
from bakeoff.runs.results import TrainingCost
from bakeoff.sections import Budget

if TYPE_CHECKING:
    from bakeoff.data.types import SplitTable
    from bakeoff.methods.fasttext.model import FastTextModel
    from bakeoff.sections import RequestedPrecision

OWN_EPOCHS = 5
"""fastText's own default, where only seconds limit the training, which it cannot obey."""


class FastTextMethod(ClassificationMethod[FastTextConfig]):
    """Trained in one go by the main process; it takes seconds and is not resumed in the middle."""

    config = FastTextConfig
    multilabel = True
    uses_gpu = False

    def check(self, name: str, config: FastTextConfig, data: SplitTable) -> None:
        require("fasttext", f"contestants.{name}: method `{config.method}`")

    def fit(self, config: FastTextConfig, data: SplitTable, context: FitContext) -> FitReport:
        from bakeoff.methods.fasttext.model import FastTextModel, lines_of

        report = FitReport(TrainingCost())
        if context.folder.writes:
            context.progress.stage("fitting")
            started = time.perf_counter()
            lines = lines_of(data.train.texts)
            words = sum(len(line.split()) for line in lines)
            epochs = epochs_of(context.budget, words)
            model = FastTextModel.fit(
                lines, data.train.targets, len(data.label_names), config, epochs=epochs, seed=context.seed
            )
            cost = report.cost
            cost.epochs, cost.tokens, cost.seconds = epochs, epochs * words, time.perf_counter() - started
            cost.stopped_by = "tokens" if context.budget.epochs != epochs and context.budget.tokens else "epochs"
            if context.budget.seconds is not None and cost.seconds > context.budget.seconds:
                report.notes.append(f"It cannot stop in time: {epochs} epochs took longer than the budget's seconds.")
            context.save(model.save)
        return report

    def load(self, folder: Path, saved: SavedClassifier, precision: RequestedPrecision | None = None) -> FastTextModel:
        require("fasttext", f"A model of method `{saved.method}`")
        from bakeoff.methods.fasttext.model import FastTextModel

        return FastTextModel.load(folder, len(saved.labels), multilabel=saved.multilabel)

    def describe(self, config: FastTextConfig) -> str:
        parts = [f"1- to {config.max_ngram}-grams of words" if config.max_ngram > 1 else "words"]
        parts += [f"{config.min_subword}- to {config.max_subword}-grams of characters"] if config.max_subword else []
        return f"A fastText model of {' and '.join(parts)} (`model.bin` is fastText's own format)"


def epochs_of(budget: Budget, words: int) -> int:
    """Return the passes over a training split of so many words: whole ones, at least one."""
    limits = [budget.epochs] if budget.epochs is not None else []
    limits += [max(1, budget.tokens // max(words, 1))] if budget.tokens is not None else []
    return min(limits, default=OWN_EPOCHS)
