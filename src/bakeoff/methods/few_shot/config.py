"""Settings of method `few-shot`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bakeoff.methods.pretrained.config import UntrainedConfig
from bakeoff.sections import PositiveInt


class FewShotConfig(UntrainedConfig):
    """The pretrained model without any training, with training examples and their answers in its prompt."""

    method: Literal["few-shot"] = "few-shot"
    examples: PositiveInt = Field(4, description="Examples in the prompt.")
    choose: Literal["random", "similar"] = Field(
        "random",
        description="The examples: the same for all prompts, drawn with the seed; or for each prompt those whose "
        "prompts are the most similar, by the cosine of the sentence vectors of the packaged encoder `minilm-l6`, the "
        "most similar one last. They are looked for among at most 2,000 training examples.",
    )
