"""Every key of a config with `task: language-model`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from bakeoff.config.common import CommonConfig, LanguageModelContestant
from bakeoff.data.config import PACKAGED_TABLES, PACKAGED_TEXTS, TextData
from bakeoff.data.example_config import ExampleData
from bakeoff.lm.config import LanguageModelEvaluationConfig
from bakeoff.pretrained.names import local_model
from bakeoff.sections import Budget, RequestedPrecision


def data_section(value: Any) -> type[TextData | ExampleData]:
    """Return the section that a value of `data` is meant to be, by its keys."""
    return ExampleData if ExampleData.describes(value) else TextData


def _data(value: Any) -> Any:
    return data_section(value).model_validate(value)


class LanguageModelConfig(CommonConfig):
    """A bake-off of ways to adapt one language model to a text, or to prompts with answers."""

    task: Literal["language-model"]
    model: str = Field(
        description="A hub id, a local folder, a GGUF file, or a packaged model (`smollm2-135m`, `stories260k`)."
    )
    data: Annotated[TextData | ExampleData, BeforeValidator(_data)] = Field(
        description="The text corpus, or the table of prompts with answers."
    )
    budget: Budget = Field(default_factory=lambda: Budget(epochs=3), description="What each contestant may spend.")
    contestants: dict[str, LanguageModelContestant] = Field(description="Settings of each contestant, by name.")
    evaluation: LanguageModelEvaluationConfig = Field(
        default_factory=lambda: LanguageModelEvaluationConfig(), description="How contestants are compared."
    )
    precision: RequestedPrecision = "auto"

    @model_validator(mode="after")
    def _evaluation_fits_the_data(self) -> LanguageModelConfig:
        default = LanguageModelEvaluationConfig.model_fields["protocols"].default
        examples, metric = isinstance(self.data, ExampleData), self.evaluation.metric
        if examples and self.evaluation.protocols != default:
            raise ValueError("evaluation.protocols is for texts: leave it out, examples have a protocol of their own")
        if metric not in (None, "perplexity") and not (examples and self.evaluation.answers):
            raise ValueError(
                f"evaluation.metric: {metric} needs answers: data.examples, and evaluation.answers above 0"
            )
        return self

    def local_paths(self) -> Mapping[str, str | list[str]]:
        if isinstance(self.data, ExampleData):
            files = {f"data.{key}": file for key, file in self.data.files.items() if file not in PACKAGED_TABLES}
            return {**local_model(self.model), **files}
        sources = {"text": self.data.text, "train": self.data.train, "validation": self.data.validation}
        sources["test"] = self.data.test
        paths = {f"data.{key}": path for key, path in sources.items() if path and path not in PACKAGED_TEXTS}
        return {**local_model(self.model), **paths}
