"""Method `full`: every weight is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from bakeoff.methods.fine_tuning.method import FineTuningMethod
from bakeoff.methods.full.config import FullConfig

if TYPE_CHECKING:
    from bakeoff.lm.language_model import LanguageModel


class FullMethod(FineTuningMethod[FullConfig]):
    """Full fine-tuning."""

    config: ClassVar[type[FullConfig]] = FullConfig

    def adapted(self, config: FullConfig, base: LanguageModel, seed: int) -> Any:
        from bakeoff.pretrained.quantization import refuse_quantized

        refuse_quantized(base.model, base.name, "Full fine-tuning")
        return base.model

    def describe(self, config: FullConfig) -> str:
        return "Full fine-tuning: every weight was trained"

    def memory_advice(self, config: FullConfig) -> str:
        others = super().memory_advice(config)
        return f"{others}, or train with method lora" if others else "train with method lora"
