"""Every key of a config with `task: language-model`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bakeoff.config.common import CommonConfig, LanguageModelContestant
from bakeoff.data.config import PACKAGED_TEXTS, TextData
from bakeoff.lm.config import LanguageModelEvaluationConfig
from bakeoff.pretrained.names import local_model
from bakeoff.sections import Budget, RequestedPrecision


class LanguageModelConfig(CommonConfig):
    """A bake-off of ways to adapt one language model to a text."""

    task: Literal["language-model"]
    model: str = Field(
        description="A hub id, a local folder, a GGUF file, or a packaged model (`smollm2-135m`, `stories260k`)."
    )
    data: TextData = Field(description="The text corpus.")
    budget: Budget = Field(default_factory=lambda: Budget(epochs=3), description="What each contestant may spend.")
    contestants: dict[str, LanguageModelContestant] = Field(description="Settings of each contestant, by name.")
    evaluation: LanguageModelEvaluationConfig = Field(
        default_factory=lambda: LanguageModelEvaluationConfig(), description="How contestants are compared."
    )
    precision: RequestedPrecision = "auto"

    def local_paths(self) -> dict[str, str]:
        sources = {"text": self.data.text, "train": self.data.train, "validation": self.data.validation}
        sources["test"] = self.data.test
        paths = {f"data.{key}": path for key, path in sources.items() if path and path not in PACKAGED_TEXTS}
        return {**local_model(self.model), **paths}
