"""Method `lora`: the model is frozen, and low-rank adapters are trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from bakeoff.methods.context import Context
from bakeoff.methods.export_formats import ExportFormat
from bakeoff.methods.fine_tuning.method import FineTuningMethod
from bakeoff.methods.lora.config import LoraConfig

if TYPE_CHECKING:
    from bakeoff.data.types import SplitCorpus
    from bakeoff.lm.language_model import LanguageModel
    from bakeoff.lm.perplexity import Scores
    from bakeoff.lm.scoring_plan import ScoringPlan
    from bakeoff.methods.fine_tuning.learner import FineTuningLearner
    from bakeoff.methods.lora.learner import LoraLearner
    from bakeoff.runs.contestant_folder import ContestantFolder
    from bakeoff.training.progress import Progress


class LoraMethod(FineTuningMethod[LoraConfig]):
    """LoRA and its variants, through PEFT."""

    config: ClassVar[type[LoraConfig]] = LoraConfig
    exports = (*FineTuningMethod.exports, "gguf-adapter")

    def export_refusal(self, config: LoraConfig, format: ExportFormat) -> str | None:
        if config.quantization:
            return f"its base model is stored in {config.quantization}, and adapters are not merged into such weights"
        if format == "gguf-adapter" and config.merge:
            return "its adapter was merged into the model"
        if format == "gguf-adapter" and config.variant == "dora":
            return "llama.cpp has no adapters of the variant dora"
        return None

    def adapted(self, config: LoraConfig, base: LanguageModel, seed: int) -> Any:
        from bakeoff.methods.lora.adapters import add_lora
        from bakeoff.pretrained.quantization import refuse_quantized

        if config.quantization is None:  # such as of a contestant with an adapter, in whose place PEFT puts the new one
            refuse_quantized(base.model, base.name, "LoRA without `quantization`")
        return add_lora(base.model, config, reference=base.reference, seed=seed)

    def make_learner(
        self, config: LoraConfig, model: Any, base: LanguageModel, data: SplitCorpus, context: Context
    ) -> LoraLearner:
        from bakeoff.methods.lora.learner import LoraLearner

        return LoraLearner(model, base, data, config, seed=context.seed)

    def saved_parameters(self, config: LoraConfig, learner: FineTuningLearner) -> int:
        if config.merge:
            return learner.total_parameters - learner.trained_parameters
        copies = 2 if config.variant == "pissa" else 1  # the start is saved along, to be subtracted
        return copies * learner.trained_parameters

    def rate_multipliers(self, config: LoraConfig, learner: FineTuningLearner) -> dict[str, float]:
        from bakeoff.methods.lora.adapters import rate_multipliers

        return rate_multipliers(learner.model, config)

    def conclude(
        self,
        config: LoraConfig,
        folder: ContestantFolder,
        evaluated: LanguageModel,
        plan: ScoringPlan,
        scores: Scores,
        progress: Progress,
    ) -> list[str]:
        """Merge the adapters into the model if `merge` is set."""
        from bakeoff.methods.lora.merging import is_adapter, merging_note, write_merged
        from bakeoff.training import distributed

        if not config.merge or not is_adapter(folder.model):
            return []
        note = merging_note(folder.model, evaluated, scores, plan, progress)
        if note:
            progress.message(f"{folder.name}: {note}")
        if folder.writes:
            write_merged(folder.model)
        distributed.wait()
        return [note] if note else []

    def describe(self, config: LoraConfig) -> str:
        kept = "merged into the model" if config.merge else "saved apart from the model"
        quantized = f" on a base model in `{config.quantization}`" if config.quantization else ""
        return f"LoRA (variant `{config.variant}`, rank {config.r}){quantized}: adapters were trained and are {kept}"

    def memory_advice(self, config: LoraConfig) -> str:
        smaller = "choose a smaller model" if config.quantization else "set its quantization: nf4"
        return super().memory_advice(config) or smaller
