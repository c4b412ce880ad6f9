"""What methods `full` and `lora` share: a language model learns to predict the training text."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from bakeoff.methods.base import Context, LanguageModelMethod
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
    """A subclass says which weights are trained, and how they are saved."""

    def adapted(self, config: Config, base: LanguageModel, seed: int) -> Any:
        """Return the network with the weights that are trained marked as such."""
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
        """Return how much faster than the learning rate some parameters are trained, by name."""
        return {}

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
        """Forecast the validation; the test text is the same for all contestants, and the task plans it."""
        return training.evaluations * learner.measured_validation_seconds()

    def model_bytes(self, config: Config, learner: FineTuningLearner) -> int:
        return FLOAT32 * self.saved_parameters(config, learner) + learner.tokenizer_bytes()

    def loading_stage(self, config: Config) -> str:
        return "loading the model"

    def memory_advice(self, config: Config) -> str:
        return "" if config.activation_checkpointing else "set its activation_checkpointing: true"
