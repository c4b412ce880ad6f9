"""The base of methods `full` and `lora`: a language model learns to predict the training text."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from bakeoff.methods.base import LanguageModelMethod
from bakeoff.methods.context import Context
from bakeoff.methods.fine_tuning.config import FineTuningConfig
from bakeoff.methods.gradient import FLOAT32, GradientMethod, Preparation, settings_of

if TYPE_CHECKING:
    from typing import Any

    from bakeoff.data.types import SplitCorpus
    from bakeoff.lm.language_model import LanguageModel
    from bakeoff.methods.fine_tuning.learner import FineTuningLearner
    from bakeoff.training.learner import TrainingSettings
    from bakeoff.training.measuring import MeasuredTraining

Config = TypeVar("Config", bound=FineTuningConfig)


class FineTuningMethod(GradientMethod[Config, "SplitCorpus", "FineTuningLearner"], LanguageModelMethod[Config]):
    """Fine-tuning of a language model. A subclass chooses the weights that are trained, and how they are saved."""

    def adapted(self, config: Config, base: LanguageModel, seed: int) -> Any:
        """Return the network, in which only the weights to be trained require gradients."""
        return base.model

    def make_learner(
        self, config: Config, model: Any, base: LanguageModel, data: SplitCorpus, context: Context
    ) -> FineTuningLearner:
        """Return the learner of an adapted network."""
        from bakeoff.methods.fine_tuning.learner import FineTuningLearner

        return FineTuningLearner(model, base, data, config, seed=context.seed)

    def saved_parameters(self, config: Config, learner: FineTuningLearner) -> int:
        """Return how many parameters model/ holds."""
        return learner.total_parameters

    def rate_multipliers(self, config: Config, learner: FineTuningLearner) -> dict[str, float]:
        """Return factors on the learning rate by parameter name; parameters without one have 1."""
        return {}

    def sharding_refusal(self, config: Config) -> str | None:
        return "quantized weights cannot be divided" if self.quantization(config) else None

    def learner(self, config: Config, data: SplitCorpus, context: Context, prepared: Preparation) -> FineTuningLearner:
        from bakeoff.methods.fine_tuning.activation_checkpointing import checkpoint_activations

        assert context.base is not None
        base = context.base.take()
        model = self.adapted(config, base, context.seed)
        if config.activation_checkpointing:
            checkpoint_activations(model)
        return self.make_learner(config, model, base, data, context)

    def training_settings(self, config: Config, learner: FineTuningLearner, context: Context) -> TrainingSettings:
        from bakeoff.training.precision import choose_precision

        assert context.base is not None
        default_rate = type(config).model_fields["learning_rate"].default
        return settings_of(
            config,
            context,
            default_rate if config.learning_rate == "auto" else config.learning_rate,
            precision=choose_precision(context.base.precision),
            range_test=config.learning_rate == "auto",
            rate_multipliers=self.rate_multipliers(config, learner),
        )

    def evaluation_seconds(
        self, learner: FineTuningLearner, training: MeasuredTraining, data: SplitCorpus, preparing_seconds: float
    ) -> float:
        """Forecast the validation. The task forecasts the test text, which costs the same for every contestant."""
        return training.evaluations * learner.measured_validation_seconds()

    def model_bytes(self, config: Config, learner: FineTuningLearner) -> int:
        return FLOAT32 * self.saved_parameters(config, learner) + learner.tokenizer_bytes()

    def loading_stage(self, config: Config) -> str:
        return "loading the model"

    def memory_advice(self, config: Config) -> str:
        return "" if config.activation_checkpointing else "set its activation_checkpointing: true"
