"""The section `evaluation` of a language-model config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from bakeoff.evaluation.metrics import deciding_metrics
from bakeoff.lm.protocols.registry import ProtocolName
from bakeoff.sections import PositiveInt, Section

if TYPE_CHECKING:
    DecidingMetric = str
else:
    DecidingMetric = Literal[tuple(deciding_metrics("language-model"))]


class LanguageModelEvaluationConfig(Section):
    """The comparison of language models: perplexity by named protocols, answers, and texts that continue prompts."""

    protocols: Annotated[list[ProtocolName], Field(min_length=1)] = Field(
        ["window", "document", "lab"],
        description="Perplexity protocols of a text; the first one decides the verdict. Examples have one of their "
        "own, `answer`.",
    )
    split: Literal["test", "validation"] = Field("test", description="The split that is evaluated.")
    context_length: PositiveInt | None = Field(
        None,
        description="Tokens the model sees at once, before those it generates; absent: the model's own, at most 1024.",
    )
    stride: PositiveInt | None = Field(
        None, description="Step between windows of protocol `window`; absent: half the context."
    )
    prompts: list[str] = Field([], description="Every contestant continues each prompt, greedily.")
    answers: Annotated[int, Field(ge=0)] = Field(
        200,
        description="With `data.examples`: the first so many test prompts are answered by every contestant, greedily; "
        "0: only the perplexity of the given answers is measured.",
    )
    metric: DecidingMetric | None = Field(
        None,
        description="The metric that decides the verdict. If absent, `token_f1` where answers are generated, otherwise "
        "`perplexity`.",
    )
    max_new_tokens: PositiveInt = Field(100, description="Most tokens to generate for a prompt, or of an answer.")
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="Level of every interval.")
    resamples: Annotated[int, Field(gt=0, le=1_000_000)] = Field(2000, description="Bootstrap resamples.")

    @model_validator(mode="after")
    def _stride_fits(self) -> LanguageModelEvaluationConfig:
        if self.stride and self.context_length and self.stride > self.context_length:
            raise ValueError(f"stride {self.stride} is larger than context_length {self.context_length}")
        return self
