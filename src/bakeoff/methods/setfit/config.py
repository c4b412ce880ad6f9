"""Settings of method `setfit`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from bakeoff.methods.base import MethodConfig
from bakeoff.methods.search_space import Choice, Range, SearchSpace
from bakeoff.pretrained.names import DEFAULT_ENCODER, local_model
from bakeoff.sections import (
    ClassWeights,
    GradientClip,
    PositiveFloat,
    PositiveInt,
    RequestedPrecision,
    Schedule,
    Warmup,
    WeightDecay,
)


class SetFitConfig(MethodConfig):
    """A pretrained encoder, tuned on pairs of texts until classes lie apart, and logistic regression."""

    method: Literal["setfit"] = "setfit"
    model: str = Field(
        DEFAULT_ENCODER,
        description="A hub id, a local folder, a GGUF file, or a packaged model (`minilm-l6`, `smollm2-135m`, "
        "`stories260k`).",
    )
    pooling: Literal["auto", "mean", "last", "first"] = Field(
        "auto",
        description="How the states of a text's tokens become one vector: their mean, or the state of the last or "
        "first token. `auto` is what the model's own files say, otherwise `mean`.",
    )
    learning_rate: PositiveFloat = Field(5e-5, description="Peak learning rate of AdamW.")
    schedule: Schedule = "linear"
    warmup: Warmup = 0.1
    weight_decay: WeightDecay = 0.01
    max_length: PositiveInt | None = Field(
        None, description="Longest text in tokens; longer ones lose their end. If absent, what the model was made for."
    )
    class_weights: ClassWeights = "none"
    batch_size: int = Field(16, ge=2, description="Texts per step, each of which is paired with all others.")
    gradient_clip: GradientClip = 1.0
    precision: RequestedPrecision = "auto"

    search_space: ClassVar[SearchSpace] = {
        "learning_rate": Range(1e-5, 2e-4, log=True),
        "warmup": Range(0.0, 0.2),
        "batch_size": Choice((8, 16, 32)),
    }

    def local_paths(self) -> dict[str, str]:
        return local_model(self.model)

    @property
    def pretrained_model(self) -> str:
        return self.model
