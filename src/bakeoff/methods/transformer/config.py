"""Settings of method `transformer`."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from bakeoff.methods.base import MethodConfig
from bakeoff.methods.linear_part.config import LinearPartSettings
from bakeoff.methods.search_space import Choice, Range, SearchSpace
from bakeoff.methods.table_columns.config import ReadsFeatures
from bakeoff.pretrained.names import DEFAULT_ENCODER, local_model
from bakeoff.sections import (
    ClassWeights,
    GradientClip,
    PositiveFloat,
    PositiveInt,
    Probability,
    RequestedPrecision,
    Schedule,
    Warmup,
    WeightDecay,
)

_LORA_OF_TRANSFORMERS = {"r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "target_modules": "all-linear"}
LEARNING_RATES = {"lora": 5e-4, "full": 3e-5}
FROM_TUNING = ("tuning", "learning_rate", *_LORA_OF_TRANSFORMERS)
"""The settings that `tuning: auto` leaves open."""


class TransformerConfig(MethodConfig):
    """A pretrained language model or encoder with a classification head, fine-tuned in full or with LoRA."""

    method: Literal["transformer"] = "transformer"
    model: str = Field(
        DEFAULT_ENCODER,
        description="A hub id, a local folder, a GGUF file, or a packaged model (`minilm-l6`, `smollm2-135m`, "
        "`stories260k`).",
    )
    tuning: Literal["auto", "lora", "full"] = Field(
        "auto",
        description="What is trained besides the head: small adapters (`lora`, Hu et al. 2021), or every weight "
        "(`full`). `auto` is `full` for encoders of up to 200 million weights, unless a setting for `lora` is given.",
    )
    r: PositiveInt | None = Field(None, description="For `lora`: rank of the adapters; 16 if absent.")
    lora_alpha: PositiveFloat | None = Field(
        None, description="For `lora`: adapters are scaled by lora_alpha / r; 32 if absent."
    )
    lora_dropout: Probability | None = Field(None, description="For `lora`: dropout before the adapters; 0 if absent.")
    target_modules: Literal["default", "all-linear"] | list[str] | None = Field(
        None,
        description="For `lora`: the layers that get adapters: PEFT's default for the model, all linear ones, or "
        "names; `all-linear` if absent.",
    )
    learning_rate: PositiveFloat | None = Field(
        None, description="Peak learning rate of AdamW; if absent, 5e-4 for `lora` and 3e-5 for `full`."
    )
    schedule: Schedule = "linear"
    warmup: Warmup = 0.1
    weight_decay: WeightDecay = 0.01
    max_length: PositiveInt = Field(
        256, description="Longest text in tokens; of longer ones, half is kept from each end."
    )
    class_weights: ClassWeights = "none"
    batch_size: PositiveInt = Field(16, description="Texts per step.")
    gradient_clip: GradientClip = 1.0
    linear_part: LinearPartSettings = None
    features: ReadsFeatures = True
    precision: RequestedPrecision = "auto"

    search_space: ClassVar[SearchSpace] = {
        "learning_rate": Range(1e-5, 1e-3, log=True),
        "warmup": Range(0.0, 0.2),
        "weight_decay": Range(1e-3, 0.1, log=True),
        "batch_size": Choice((8, 16, 32)),
    }

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_tuning(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        tuning = values.get("tuning", "auto")
        if tuning == "auto" and any(values.get(key) is not None for key in _LORA_OF_TRANSFORMERS):
            tuning = "lora"
        defaults: dict[str, Any] = {"learning_rate": LEARNING_RATES.get(tuning)}
        if tuning == "lora":
            defaults |= _LORA_OF_TRANSFORMERS
        absent = {key: value for key, value in defaults.items() if values.get(key) is None}
        return {**values, "tuning": tuning, **absent}

    @model_validator(mode="after")
    def _adapters_are_for_lora(self) -> TransformerConfig:
        given = [key for key in _LORA_OF_TRANSFORMERS if getattr(self, key) is not None]
        if self.tuning == "full" and given:
            raise ValueError(f"{given[0]} is for `tuning: lora`, not for `tuning: full`")
        return self

    def resolved(self, *, is_small_encoder: bool) -> TransformerConfig:
        """Return the config with its tuning chosen for the model, and every default filled in."""
        if self.tuning != "auto":
            return self
        chosen = {"tuning": "full" if is_small_encoder else "lora"}
        return TransformerConfig.model_validate({**self.model_dump(), **chosen})

    def local_paths(self) -> dict[str, str]:
        return local_model(self.model)

    @property
    def pretrained_model(self) -> str:
        return self.model
