"""Method `estimator`: a scikit-learn estimator or pipeline that the config names."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.errors import UserError
from bakeoff.methods.base import ClassificationMethod, SavedClassifier, TextModel
from bakeoff.methods.context import FitContext, FitReport
from bakeoff.methods.estimator.config import EstimatorConfig
from bakeoff.packages import require
from bakeoff.runs.results import TrainingCost

if TYPE_CHECKING:
    from bakeoff.data.types import SplitTable
    from bakeoff.methods.estimator.model import EstimatorModel
    from bakeoff.methods.estimator.source import Source
    from bakeoff.sections import RequestedPrecision

_INSTEAD = {
    "decision_function": "It has no predict_proba: probabilities are made from its decision_function, and calibrated.",
    "predict": "It has neither predict_proba nor decision_function: every label has probability 1, so its loss and "
    "calibration error say nothing.",
}


class EstimatorMethod(ClassificationMethod[EstimatorConfig]):
    """Somebody else's estimator, which the main process fits alone."""

    config = EstimatorConfig
    uses_gpu = False
    runs_code = True
    multilabel = True

    def check(self, name: str, config: EstimatorConfig, data: SplitTable) -> None:
        """Make the estimator, save it unfitted and load it: most mistakes are told before anything is trained."""
        require("estimator", f"contestants.{name}: method `{config.method}`")
        from bakeoff.methods.estimator.saving import can_be_saved

        if config.features and not data.features:
            raise UserError(
                f"contestants.{name}: features: true is for tables with data.features, and none are named.",
                "Name columns in data.features, or leave it out.",
            )
        if config.features and "text" in data.features:
            raise UserError(
                f"contestants.{name}: data.features has a column 'text', as the texts are called in data frames.",
                "Give that column another name.",
            )

        try:
            can_be_saved(_build(config, 0, multilabel=data.multilabel)[0])
        except UserError as error:
            raise UserError(f"contestants.{name}: {error.message}", error.hint) from error

    def fit(self, config: EstimatorConfig, data: SplitTable, context: FitContext) -> FitReport:
        report = FitReport(TrainingCost(precision="fp64"))
        if context.folder.writes:
            import numpy as np

            from bakeoff.methods.estimator.model import EstimatorModel, inputs_of
            from bakeoff.methods.estimator.source import explained
            from bakeoff.methods.table_columns.encoder import ColumnEncoder

            context.progress.stage("fitting")
            columns = ColumnEncoder.fit(data.train.texts) if self.columns(config, data) else None
            estimator, source = _build(config, context.seed, multilabel=data.multilabel)
            _refuse_changed(source, context)
            started = time.perf_counter()
            with explained(f"contestants.{context.name}: fit of the estimator failed", file=source.file):
                inputs = inputs_of(data.train.texts, columns)
                estimator.fit(inputs, np.asarray(data.train.targets, dtype=np.int64))
            report.cost.seconds = time.perf_counter() - started
            model = EstimatorModel(
                estimator, len(data.label_names), file=source.file, multilabel=data.multilabel, columns=columns
            )
            report.settings = {"source_file": source.file, "source_sha256": source.sha256}
            report.notes = [f"Made by {Path(source.file).name} (SHA-256 {source.sha256[:12]}…)."]
            report.notes += [_INSTEAD[how]] if (how := model.answers_with) in _INSTEAD else []
            context.save(lambda folder: model.save(folder, source))
        return report

    def load(self, folder: Path, saved: SavedClassifier, precision: RequestedPrecision | None = None) -> EstimatorModel:
        require("estimator", f"A model of method `{saved.method}`")
        from bakeoff.methods.estimator.model import EstimatorModel

        config = EstimatorConfig.model_validate(saved.settings)
        classes, features = len(saved.labels), bool(saved.columns)
        return EstimatorModel.load(folder, config, classes, multilabel=saved.multilabel, features=features)

    def calibrates(self, model: TextModel) -> bool:
        from bakeoff.methods.estimator.model import EstimatorModel

        return isinstance(model, EstimatorModel) and model.answers_with != "predict"

    def chooses_thresholds(self, model: TextModel) -> bool:
        return self.calibrates(model)

    def describe(self, config: EstimatorConfig) -> str:
        return f"The scikit-learn estimator `{config.estimator}` in skops' format"


def _refuse_changed(source: Source, context: FitContext) -> None:
    """Refuse a module that has changed since earlier trainings, whose results are averaged with that of this one."""
    for earlier in context.before:
        if earlier.finished and earlier.result().settings["source_sha256"] != source.sha256:
            raise UserError(
                f"contestants.{context.name}: {source.file} has changed since {earlier.name} was trained.",
                "Put the old file back, or start a new run with -o.",
            )


def _build(config: EstimatorConfig, seed: int, *, multilabel: bool) -> tuple[Any, Source]:
    from bakeoff.methods.estimator.source import build

    estimator, source = build(config, seed)
    if multilabel:
        from bakeoff.methods.estimator.several_labels import for_several_labels

        estimator = for_several_labels(estimator)
    return estimator, source
