"""Settings that methods `full` and `lora` share."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bakeoff.methods.base import MethodConfig
from bakeoff.methods.search_space import Choice, Range, SearchSpace
from bakeoff.sections import GradientClip, PositiveInt, RateOrAuto, Schedule, Warmup, WeightDecay


class FineTuningConfig(MethodConfig):
    """Settings that full fine-tuning and LoRA share."""

    learning_rate: RateOrAuto = Field(
        2e-4, description="Peak learning rate of AdamW; with `auto`, a range test on the training text chooses it."
    )
    schedule: Schedule = "linear"
    warmup: Warmup = 0
    weight_decay: WeightDecay = 0.0
    sequences: Literal["blocks", "lines"] = Field(
        "blocks",
        description="`blocks`: documents are joined by end-of-text tokens and cut into blocks; `lines`: every line is "
        "a sequence of its own, as in the lab but without padding. With `data.examples`, every example is one.",
    )
    max_length: Annotated[PositiveInt, Field(ge=2)] = Field(
        512,
        description="Longest sequence in tokens: the size of a block, or the longest line or example. Of a longer "
        "example, the beginning is cut, so that the answer stays whole.",
    )
    batch_size: PositiveInt = Field(4, description="Sequences (blocks, lines or examples) per step.")
    gradient_clip: GradientClip = 1.0
    activation_checkpointing: bool = Field(
        False,
        description="Keep only the input of each layer and recompute the rest in the backward pass: much less memory "
        "and the same result, for about a third more time.",
    )
    search_space: ClassVar[SearchSpace] = {
        "learning_rate": Range(1e-5, 1e-3, log=True),
        "warmup": Range(0.0, 0.2),
        "weight_decay": Range(0.0, 0.1),
        "batch_size": Choice((2, 4, 8)),
    }
