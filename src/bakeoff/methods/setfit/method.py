"""Method `setfit`: an encoder tuned on pairs of texts, and a logistic regression on its vectors."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bakeoff.methods.base import ClassificationMethod, SavedClassifier
from bakeoff.methods.context import Context
from bakeoff.methods.evaluated import evaluated_texts
from bakeoff.methods.gradient import GradientMethod, Preparation, settings_of
from bakeoff.methods.proposals import Proposal, TableFacts
from bakeoff.methods.setfit.config import SetFitConfig

if TYPE_CHECKING:
    from bakeoff.data.types import SplitTable
    from bakeoff.methods.embedding.model import EmbeddingModel
    from bakeoff.methods.setfit.learner import SetFitLearner
    from bakeoff.sections import RequestedPrecision
    from bakeoff.training.learner import TrainingSettings
    from bakeoff.training.measuring import MeasuredTraining

_MEASURED_TOKENS = 8192
"""A plan measures the evaluation on texts of about this many tokens."""

_FEW_ROWS = 100  # of the smallest class


class SetFitMethod(GradientMethod[SetFitConfig, "SplitTable", "SetFitLearner"], ClassificationMethod[SetFitConfig]):
    """Contrastive fine-tuning for few labels.

    Tunstall et al. 2022, Efficient Few-Shot Learning Without Prompts. The authors' library draws pairs and encodes both
    texts of each. Here a step encodes a batch of texts and learns from all pairs among them: eight times as many for
    the same work, with 16 texts.
    """

    config: ClassVar[type[SetFitConfig]] = SetFitConfig
    token_unit = "tokens"
    multilabel = True

    def learner(self, config: SetFitConfig, data: SplitTable, context: Context, prepared: Preparation) -> SetFitLearner:
        from bakeoff.methods.setfit.learner import SetFitLearner

        return SetFitLearner(data, config, context.seed)

    def training_settings(self, config: SetFitConfig, learner: SetFitLearner, context: Context) -> TrainingSettings:
        from bakeoff.training.precision import choose_precision

        return settings_of(config, context, config.learning_rate, precision=choose_precision(config.precision))

    def evaluation_seconds(
        self, learner: SetFitLearner, training: MeasuredTraining, data: SplitTable, preparing_seconds: float
    ) -> float:
        part = learner.train.first(_MEASURED_TOKENS)  # the split is random, so the first texts are a sample
        started = time.perf_counter()
        learner.embed(part)
        text_seconds = (time.perf_counter() - started) / len(part)
        # The regression is fitted again at every evaluation during the training.
        texts = training.evaluations * (len(data.train) + len(data.validation)) + len(evaluated_texts(data))
        return preparing_seconds + text_seconds * texts

    def loading_stage(self, config: SetFitConfig) -> str:
        return f"loading {config.model}"

    def load(self, folder: Path, saved: SavedClassifier, precision: RequestedPrecision | None = None) -> EmbeddingModel:
        from bakeoff.methods.setfit.model import load_model
        from bakeoff.training.precision import choose_precision

        config = SetFitConfig.model_validate(saved.settings)
        return load_model(folder, choose_precision(precision or config.precision), multilabel=saved.multilabel)

    def propose(self, facts: TableFacts) -> list[Proposal]:
        if not facts.is_english or facts.smallest_class >= _FEW_ROWS:
            return []
        reason = "an encoder for English, tuned on pairs of texts: made for few rows of a class"
        return [Proposal("setfit", reason, promise=4)]

    def describe(self, config: SetFitConfig) -> str:
        name = Path(config.model).name
        return f"A logistic regression on text embeddings of the pretrained `{name}`, tuned on pairs of texts (SetFit)"

    def memory_advice(self, config: SetFitConfig) -> str:
        return "lower its batch_size or max_length, or choose a smaller model"
