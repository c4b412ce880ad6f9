"""Methods `lstm` and `gru`: recurrent networks, from scratch or after pretraining, alone or on a linear model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bakeoff.errors import UserError
from bakeoff.methods.base import ClassificationMethod, SavedClassifier
from bakeoff.methods.context import Context, FitContext, PlanContext
from bakeoff.methods.evaluated import evaluated_texts
from bakeoff.methods.export_formats import ExportFormat
from bakeoff.methods.gradient import GradientMethod, Preparation, settings_of
from bakeoff.methods.linear_part.preparation import check_linear_part, plan_linear_part, prepare_linear_part
from bakeoff.methods.proposals import Proposal, TableFacts
from bakeoff.methods.recurrent.config import RecurrentConfig

if TYPE_CHECKING:
    import numpy.typing as npt

    from bakeoff.data.types import SplitTable
    from bakeoff.methods.recurrent.learner import RecurrentLearner
    from bakeoff.methods.recurrent.model import RecurrentModel
    from bakeoff.sections import RequestedPrecision
    from bakeoff.training.learner import TrainingSettings
    from bakeoff.training.measuring import MeasuredTraining

_FEWEST_ROWS = 500  # for training: a network from scratch hardly learns from fewer
_ROWS_TO_CORRECT = 20  # of every class: fewer hardly show how a linear model errs on unseen texts


class RecurrentMethod(
    GradientMethod[RecurrentConfig, "SplitTable", "RecurrentLearner"], ClassificationMethod[RecurrentConfig]
):
    """Trains a `RecurrentClassifier`."""

    config: ClassVar[type[RecurrentConfig]] = RecurrentConfig
    multilabel = True
    exports: ClassVar[tuple[ExportFormat, ...]] = ("onnx",)

    def propose(self, facts: TableFacts) -> list[Proposal]:
        proposals = []
        kept = RecurrentConfig.model_fields["max_length"].default
        cut = f"; many texts are longer than the {kept} words it reads (max_length)" if facts.long_text > kept else ""
        if facts.training_rows >= _FEWEST_ROWS:
            proposals.append(Proposal("lstm", f"a recurrent network, trained from scratch{cut}", promise=1))
        if facts.smallest_class >= _ROWS_TO_CORRECT and not facts.multilabel:
            reason = f"an LSTM that learns what the linear model misses{cut}"
            proposals.append(Proposal("corrector", reason, "{method: lstm, linear_part: {}}", promise=2))
        return proposals

    def check(self, name: str, config: RecurrentConfig, data: SplitTable) -> None:
        if config.linear_part:
            check_linear_part(name, data)
        if config.pretrain and not data.is_fold:  # the whole table is checked as well, and large files take long
            from bakeoff.methods.recurrent.pretraining_texts import read_pretraining_texts

            read_pretraining_texts(config.pretrain, data.text_columns)  # to see whether they can be read

    def preparation(self, config: RecurrentConfig, data: SplitTable, context: FitContext) -> Preparation:
        """Pretrain, and fit the linear part."""
        prepared = Preparation()
        if config.pretrain:
            from bakeoff.methods.recurrent.pretraining import prepare_pretraining

            prepare_pretraining(config, settings_of_config(config, context), data, context, prepared)
        if config.linear_part:
            prepare_linear_part(config.linear_part, data, context, prepared)
        return prepared

    def planned_preparation(self, config: RecurrentConfig, data: SplitTable, context: PlanContext) -> Preparation:
        prepared = Preparation()
        if config.pretrain:
            from bakeoff.methods.recurrent.pretraining import plan_pretraining

            prepared = plan_pretraining(config, settings_of_config(config, context), data, context)
        if config.linear_part:
            plan_linear_part(config.linear_part, data, context, prepared)
        return prepared

    def learner(
        self, config: RecurrentConfig, data: SplitTable, context: Context, prepared: Preparation
    ) -> RecurrentLearner:
        from bakeoff.methods.recurrent.learner import RecurrentLearner

        return RecurrentLearner(data, config, context.seed, **prepared.parts)

    def training_settings(
        self, config: RecurrentConfig, learner: RecurrentLearner, context: Context
    ) -> TrainingSettings:
        return settings_of_config(config, context)

    def evaluation_seconds(
        self, learner: RecurrentLearner, training: MeasuredTraining, data: SplitTable, preparing_seconds: float
    ) -> float:
        started = time.perf_counter()
        learner.validate()
        validating = time.perf_counter() - started
        return validating * (training.evaluations + len(evaluated_texts(data)) / len(data.validation))

    def earlier_seconds(self, context: FitContext) -> float:
        from bakeoff.methods.recurrent.pretraining import pretrained_seconds

        return super().earlier_seconds(context) + pretrained_seconds(context.folder)

    def load(self, folder: Path, saved: SavedClassifier, precision: RequestedPrecision | None = None) -> RecurrentModel:
        from bakeoff.methods.recurrent.model import RecurrentModel
        from bakeoff.training.precision import choose_precision

        config = RecurrentConfig.model_validate(saved.settings)
        chosen = choose_precision(precision or "fp32")
        return RecurrentModel.load(folder, config, len(saved.labels), chosen, multilabel=saved.multilabel)

    def export_refusal(self, config: RecurrentConfig, format: ExportFormat) -> str | None:
        if config.vocabulary.units in ("subwords", "characters"):
            return f"it reads {config.vocabulary.units}, and this export can only find words"
        return "it has a linear part, whose n-grams this export cannot count" if config.linear_part else None

    def export(
        self, format: ExportFormat, source: Path, saved: SavedClassifier, temperature: float, folder: Path
    ) -> Callable[[Sequence[str]], npt.NDArray[Any]]:
        from bakeoff.methods.recurrent.onnx.export import write_export

        model = self.load(source, saved)
        if model.vocabulary.unit != "words":
            raise UserError(
                f"This {model.config.method.upper()} cannot be exported: it reads {model.vocabulary.unit}, and the "
                "export can only find words.",
                "Train it with vocabulary.units: words, or use it with bakeoff predict or bakeoff serve.",
            )
        write_export(model, temperature, folder)
        from bakeoff.methods.recurrent.onnx.standalone import OnnxClassifier  # needs the packages just checked

        return OnnxClassifier(folder).probabilities

    def describe(self, config: RecurrentConfig) -> str:
        direction = "A bidirectional" if config.bidirectional else "A"
        origin = "pretrained on unlabeled texts" if config.pretrain else "trained from scratch"
        linear = ", on top of a linear model" if config.linear_part else ""
        return f"{direction} {config.method.upper()} classifier {origin}{linear}"

    def memory_advice(self, config: RecurrentConfig) -> str:
        return "lower its batch_size, max_length or hidden_size"


def settings_of_config(config: RecurrentConfig, context: Context) -> TrainingSettings:
    """Return how the classifier itself is trained."""
    return settings_of(config, context, config.learning_rate)
