"""The section `evaluation` of a config: what is measured on the test split, and how differences are tested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from bakeoff.evaluation.metrics import deciding_metrics
from bakeoff.sections import PositiveInt, Section

Protocol = Literal["window", "document", "lab"]

if TYPE_CHECKING:
    DecidingMetric = str
else:
    DecidingMetric = Literal[tuple(deciding_metrics("classification"))]


class ClassificationEvaluationConfig(Section):
    """How classifiers are compared: on the test split, paired on the same texts."""

    metric: DecidingMetric = Field(
        "accuracy", description="The metric that decides the verdict; validation accuracy chooses the best epoch."
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="Level of every interval.")
    resamples: PositiveInt = Field(2000, description="Bootstrap resamples.")


class LanguageModelEvaluationConfig(Section):
    """How language models are compared: perplexity by named protocols, and the texts that they write."""

    protocols: Annotated[list[Protocol], Field(min_length=1)] = Field(
        ["window", "document", "lab"], description="Perplexity protocols; the first one decides the verdict."
    )
    split: Literal["test", "validation"] = Field("test", description="The split to evaluate on.")
    context_length: PositiveInt | None = Field(
        None, description="Tokens the model sees at once. Default: the model's own context, at most 1024."
    )
    stride: PositiveInt | None = Field(
        None, description="Step between windows of protocol `window`. Default: half the context."
    )
    prompts: list[str] = Field([], description="Every contestant continues each prompt, greedily.")
    max_new_tokens: PositiveInt = Field(100, description="Most tokens written for each prompt.")
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="Level of every interval.")
    resamples: PositiveInt = Field(2000, description="Bootstrap resamples.")

    @model_validator(mode="after")
    def _stride_fits(self) -> LanguageModelEvaluationConfig:
        if self.stride and self.context_length and self.stride > self.context_length:
            raise ValueError(f"stride {self.stride} is larger than context_length {self.context_length}")
        return self
