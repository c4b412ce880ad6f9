"""Method `full`: every weight is trained."""

from __future__ import annotations

from typing import ClassVar

from bakeoff.methods.fine_tuning.method import FineTuningMethod
from bakeoff.methods.full.config import FullConfig


class FullMethod(FineTuningMethod[FullConfig]):
    """Full fine-tuning."""

    config: ClassVar[type[FullConfig]] = FullConfig

    def describe(self, config: FullConfig) -> str:
        return "Full fine-tuning: every weight was trained"

    def memory_advice(self, config: FullConfig) -> str:
        others = super().memory_advice(config)
        return f"{others}, or train with method lora" if others else "train with method lora"
