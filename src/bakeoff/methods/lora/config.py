"""Settings of method `lora`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from bakeoff.methods.fine_tuning.config import FineTuningConfig
from bakeoff.methods.search_space import Choice, Range, SearchSpace
from bakeoff.sections import PositiveFloat, PositiveInt, Probability, QuantizationSetting, RateOrAuto


class LoraConfig(FineTuningConfig):
    """Low-rank adaptation (Hu et al. 2021) through PEFT: the model is frozen, and small adapters are trained."""

    method: Literal["lora"] = "lora"
    variant: Literal["lora", "rslora", "dora", "pissa", "loraplus"] = Field(
        "lora",
        description="`lora`; `rslora`: scaled by lora_alpha / sqrt(r); `dora`: trains the length of each row "
        "apart from its direction; `pissa`: starts from the largest singular values; `loraplus`: the B matrices learn "
        "faster.",
    )
    learning_rate: RateOrAuto = Field(
        2e-3, description="Peak learning rate of AdamW; with `auto`, a range test on the training text chooses it."
    )
    loraplus_ratio: Annotated[float, Field(ge=1)] | None = Field(
        None, description="For `loraplus`: learning rate of the B matrices / that of the A matrices; 16 if absent."
    )
    r: PositiveInt = Field(16, description="Rank of the adapters.")
    lora_alpha: PositiveFloat = Field(
        32, description="Adapters are scaled by lora_alpha / r (`rslora`: lora_alpha / sqrt(r))."
    )
    lora_dropout: Probability = Field(0.0, description="Dropout before the adapters.")
    target_modules: Literal["default", "all-linear"] | list[str] = Field(
        "all-linear",
        description="The layers that get adapters: PEFT's default for the model, all linear ones, or names.",
    )
    quantization: QuantizationSetting = None
    merge: bool = Field(
        False, description="Save the whole model with the adapters merged into it, instead of the adapters alone."
    )

    search_space: ClassVar[SearchSpace] = {
        **FineTuningConfig.search_space,
        "learning_rate": Range(1e-4, 1e-2, log=True),
        "r": Choice((4, 8, 16, 32, 64)),
        "lora_dropout": Range(0.0, 0.2),
    }

    @model_validator(mode="before")
    @classmethod
    def _ratio_of_loraplus(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("variant") == "loraplus" and values.get("loraplus_ratio") is None:
            values = {**values, "loraplus_ratio": 16.0}
        return values

    @model_validator(mode="after")
    def _ratio_is_for_loraplus(self) -> LoraConfig:
        if self.loraplus_ratio is not None and self.variant != "loraplus":
            raise ValueError(f"loraplus_ratio is for `variant: loraplus`, not for `variant: {self.variant}`")
        return self

    @model_validator(mode="after")
    def _quantized_weights_stay_as_they_are(self) -> LoraConfig:
        if self.quantization and self.variant in ("dora", "pissa"):
            raise ValueError(f"`variant: {self.variant}` needs the model's weights in fp32: leave out quantization")
        if self.quantization and self.merge:
            raise ValueError("`merge: true` saves the model in fp32, in which quantization never holds it")
        return self
