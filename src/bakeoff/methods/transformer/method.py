"""Method `transformer`: a pretrained network with a classification head."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bakeoff.methods.base import ClassificationMethod, SavedClassifier
from bakeoff.methods.context import Context, FitContext, PlanContext
from bakeoff.methods.evaluated import evaluated_texts
from bakeoff.methods.export_formats import ExportFormat
from bakeoff.methods.gradient import GradientMethod, Preparation, settings_of
from bakeoff.methods.linear_part.preparation import check_linear_part, plan_linear_part, prepare_linear_part
from bakeoff.methods.proposals import Proposal, TableFacts
from bakeoff.methods.transformer.config import FROM_TUNING, TransformerConfig

if TYPE_CHECKING:
    import numpy.typing as npt

    from bakeoff.data.types import SplitTable
    from bakeoff.methods.transformer.learner import TransformerLearner
    from bakeoff.methods.transformer.model import TransformerModel
    from bakeoff.sections import RequestedPrecision
    from bakeoff.training.learner import TrainingSettings
    from bakeoff.training.measuring import MeasuredTraining

MEASURED_TOKENS = 8192
"""A plan measures the evaluation on validation texts of about this many tokens."""

_MOST_WORDS_ON_A_CPU = 1_000_000  # of training texts: an epoch takes five to ten minutes on two cores


class TransformerMethod(
    GradientMethod[TransformerConfig, "SplitTable", "TransformerLearner"], ClassificationMethod[TransformerConfig]
):
    """Full fine-tuning or LoRA of transformers' sequence classifiers."""

    config: ClassVar[type[TransformerConfig]] = TransformerConfig
    token_unit = "tokens"
    multilabel = True
    exports = ("merged", "onnx")

    def sharding_refusal(self, config: TransformerConfig) -> str | None:
        return None

    def export_refusal(self, config: TransformerConfig, format: ExportFormat) -> str | None:
        return "it has a linear part, whose n-grams this export cannot count" if config.linear_part else None

    def export(
        self, format: ExportFormat, source: Path, saved: SavedClassifier, temperature: float, folder: Path
    ) -> Callable[[Sequence[str]], npt.NDArray[Any]]:
        from bakeoff.methods.transformer.exporting.export import write_merged, write_onnx

        return (write_merged if format == "merged" else write_onnx)(source, saved.labels, folder)

    def check(self, name: str, config: TransformerConfig, data: SplitTable) -> None:
        if config.linear_part:
            check_linear_part(name, data)

    def preparation(self, config: TransformerConfig, data: SplitTable, context: FitContext) -> Preparation:
        prepared = Preparation()
        if config.linear_part:
            prepare_linear_part(config.linear_part, data, context, prepared)
        return prepared

    def planned_preparation(self, config: TransformerConfig, data: SplitTable, context: PlanContext) -> Preparation:
        prepared = Preparation()
        if config.linear_part:
            plan_linear_part(config.linear_part, data, context, prepared)
        return prepared

    def learner(
        self, config: TransformerConfig, data: SplitTable, context: Context, prepared: Preparation
    ) -> TransformerLearner:
        from bakeoff.methods.transformer.learner import TransformerLearner
        from bakeoff.training import distributed

        sharded = distributed.shards(context.strategy)
        return TransformerLearner(data, config, context.seed, **prepared.parts, sharded=sharded)

    def training_settings(
        self, config: TransformerConfig, learner: TransformerLearner, context: Context
    ) -> TrainingSettings:
        from bakeoff.training.precision import choose_precision

        rate = learner.config.learning_rate
        assert rate is not None  # filled in with the tuning
        return settings_of(
            config,
            context,
            rate,
            precision=choose_precision(config.precision),
            rate_multipliers=learner.rate_multipliers(),
        )

    def chosen_settings(self, config: TransformerConfig, learner: TransformerLearner) -> dict[str, Any]:
        if config.tuning != "auto":
            return {}
        return {key: getattr(learner.config, key) for key in FROM_TUNING}

    def evaluation_seconds(
        self, learner: TransformerLearner, training: MeasuredTraining, data: SplitTable, preparing_seconds: float
    ) -> float:
        part = learner.validation.first(MEASURED_TOKENS)  # the split is random, so the first texts are a sample
        started = time.perf_counter()
        learner.classifier.probabilities(part, learner.linear_validation, learner.validation_values)
        text_seconds = (time.perf_counter() - started) / len(part)
        texts = training.evaluations * len(data.validation) + len(evaluated_texts(data))
        return preparing_seconds + text_seconds * texts  # loading the best weights takes as long as preparing

    def loading_stage(self, config: TransformerConfig) -> str:
        return f"loading {config.model}"

    def load(
        self, folder: Path, saved: SavedClassifier, precision: RequestedPrecision | None = None
    ) -> TransformerModel:
        from bakeoff.methods.transformer.model import TransformerModel
        from bakeoff.training.precision import choose_precision

        config = TransformerConfig.model_validate(saved.settings)
        chosen = choose_precision(precision or config.precision)
        return TransformerModel.load(
            folder, config, saved.labels, chosen, multilabel=saved.multilabel, features=bool(saved.columns)
        )

    def propose(self, facts: TableFacts) -> list[Proposal]:
        if not facts.is_english or (facts.training_words > _MOST_WORDS_ON_A_CPU and not facts.has_gpu):
            return []
        reason = "an encoder for English, every weight trained: often best, and slowest"
        return [Proposal("transformer", reason, promise=4)]

    def describe(self, config: TransformerConfig) -> str:
        how = {"lora": "LoRA adapters", "full": "full fine-tuning"}.get(config.tuning, "full fine-tuning or LoRA")
        linear = ", on top of a linear model" if config.linear_part else ""
        return f"A text classifier on the pretrained `{Path(config.model).name}` ({how}){linear}"

    def memory_advice(self, config: TransformerConfig) -> str:
        return "choose a smaller model" if config.tuning == "lora" else "train with tuning: lora, or a smaller model"
