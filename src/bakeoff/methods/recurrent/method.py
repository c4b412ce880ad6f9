"""Methods `lstm` and `gru`: recurrent networks, from scratch or after pretraining, alone or on a linear model."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bakeoff.errors import UserError
from bakeoff.methods.base import ClassificationMethod, SavedClassifier, TextModel, planned_part
from bakeoff.methods.context import Context, FitContext, PlanContext
from bakeoff.methods.gradient import GradientMethod, Preparation, settings_of
from bakeoff.methods.proposals import Proposal, TableFacts
from bakeoff.methods.recurrent.config import RecurrentConfig
from bakeoff.runs.results import TrainingCost

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

    def propose(self, facts: TableFacts) -> list[Proposal]:
        proposals = []
        kept = RecurrentConfig.model_fields["max_length"].default
        cut = f"; many texts are longer than the {kept} words it reads (max_length)" if facts.long_text > kept else ""
        if facts.training_rows >= _FEWEST_ROWS:
            proposals.append(Proposal("lstm", f"a recurrent network, trained from scratch{cut}"))
        if facts.smallest_class >= _ROWS_TO_CORRECT:
            reason = f"an LSTM that learns what the linear model misses{cut}"
            proposals.append(Proposal("corrector", reason, "{method: lstm, linear_part: {}}"))
        return proposals

    def check(self, name: str, config: RecurrentConfig, data: SplitTable) -> None:
        label, texts = Counter(data.train.labels).most_common()[-1]
        if config.linear_part and texts < 2:
            raise UserError(
                f"contestants.{name}.linear_part needs two training texts of every class, because it learns from "
                f"linear models' answers to texts that they have not seen. {data.label_names[label]!r} has one.",
                "Add texts of that class, or remove linear_part.",
            )
        if config.pretrain:
            from bakeoff.methods.recurrent.pretraining_texts import read_pretraining_texts

            read_pretraining_texts(config.pretrain, data.text_columns)  # to see whether they can be read

    def preparation(self, config: RecurrentConfig, data: SplitTable, context: FitContext) -> Preparation:
        """Pretrain, and fit the linear part."""
        prepared = Preparation()
        if config.pretrain:
            from bakeoff.methods.recurrent.pretraining import pretrain, pretraining_notes

            prepared.parts["pretrained"], summary = pretrain(config, settings_of_config(config, context), data, context)
            prepared.cost = summary.cost
            prepared.notes = pretraining_notes(summary)
        if config.linear_part:
            from bakeoff.methods.recurrent.linear_part import fit_linear_part

            context.progress.stage("fitting the linear part")
            started = time.perf_counter()
            linear = fit_linear_part(data.train, config.linear_part, context.seed)
            seconds = time.perf_counter() - started
            prepared.parts["linear_part"] = linear
            prepared.parameters = linear.model.parameters
            prepared.cost = prepared.cost.model_copy(update={"seconds": prepared.cost.seconds + seconds})
            note = f"{seconds:.0f} s of the training time were spent on its linear part."
            prepared.notes.insert(0, note if not linear.note else f"{note} {linear.note}")
        return prepared

    def planned_preparation(self, config: RecurrentConfig, data: SplitTable, context: PlanContext) -> Preparation:
        prepared = Preparation()
        if config.pretrain:
            from bakeoff.methods.recurrent.pretraining import plan_pretraining

            prepared = plan_pretraining(config, settings_of_config(config, context), data, context)
        if config.linear_part:
            self._plan_linear_part(config, data, context, prepared)
        return prepared

    def _plan_linear_part(
        self, config: RecurrentConfig, data: SplitTable, context: PlanContext, prepared: Preparation
    ) -> None:
        """Add the forecast of the linear part, from the plan of a linear contestant."""
        from bakeoff.methods.linear.method import LinearMethod, choose_for_plan
        from bakeoff.methods.linear.model import LinearModel
        from bakeoff.methods.recurrent.linear_part import FITS_OF_ALL_TEXTS, LinearPart, unanswered

        assert config.linear_part is not None
        settings, _ = choose_for_plan(config.linear_part, data)
        linear, model = LinearMethod().plan_from_sample(settings, data, context)
        assert isinstance(model, LinearModel)
        part = planned_part(data)
        answers = unanswered(len(data.train), len(data.label_names), settings)
        prepared.parts["linear_part"] = LinearPart(model, answers, settings)
        seconds = linear.training_seconds * FITS_OF_ALL_TEXTS
        # The learner's model/ has the model of the part already.
        prepared.model_bytes = int(linear.model_bytes * (1 - len(part.train) / len(data.train)))
        prepared.parameters = linear.total_parameters
        prepared.cost = TrainingCost(
            steps=prepared.cost.steps,
            tokens=prepared.cost.tokens,
            seconds=prepared.cost.seconds + seconds,
            peak_memory_bytes=linear.peak_memory_bytes,
        )
        prepared.notes.append(
            f"{seconds:.0f} s of the training time are for its linear part, measured on a part of the texts."
        )

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
        # Once per evaluation, once for the temperature, and the test split.
        return validating * (training.evaluations + 1 + len(data.test) / len(data.validation))

    def earlier_seconds(self, context: FitContext) -> float:
        from bakeoff.methods.recurrent.pretraining import pretrained_seconds

        return super().earlier_seconds(context) + pretrained_seconds(context.folder)

    def load(self, folder: Path, saved: SavedClassifier, precision: RequestedPrecision | None = None) -> RecurrentModel:
        from bakeoff.methods.recurrent.model import RecurrentModel
        from bakeoff.training.precision import choose_precision

        config = RecurrentConfig.model_validate(saved.settings)
        return RecurrentModel.load(folder, config, len(saved.labels), choose_precision(precision or "fp32"))

    def export_refusal(self, config: RecurrentConfig) -> str | None:
        if config.vocabulary.units in ("subwords", "characters"):
            return f"it reads {config.vocabulary.units}, and this export can only find words"
        return "it has a linear part, whose n-grams this export cannot count" if config.linear_part else None

    def export_onnx(
        self, model: TextModel, temperature: float, folder: Path
    ) -> Callable[[Sequence[str]], npt.NDArray[Any]]:
        from bakeoff.methods.recurrent.model import RecurrentModel
        from bakeoff.methods.recurrent.onnx.export import write_export

        assert isinstance(model, RecurrentModel)
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
