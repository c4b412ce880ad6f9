"""Every key of a config with `task: classification`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from bakeoff.config.common import ClassificationContestant, CommonConfig
from bakeoff.data.config import PACKAGED_TABLES, TableData
from bakeoff.evaluation.config import ClassificationEvaluationConfig
from bakeoff.sections import Budget


class ClassificationConfig(CommonConfig):
    """A bake-off of text classifiers."""

    task: Literal["classification"]
    data: TableData = Field(description="The labeled table.")
    budget: Budget = Field(default_factory=lambda: Budget(epochs=5), description="What each contestant may spend.")
    contestants: dict[str, ClassificationContestant] = Field(description="Settings of each contestant, by name.")
    evaluation: ClassificationEvaluationConfig = Field(
        default_factory=lambda: ClassificationEvaluationConfig(), description="How contestants are compared."
    )

    def local_paths(self) -> Mapping[str, str | list[str]]:
        return {f"data.{key}": file for key, file in self.data.files.items() if file not in PACKAGED_TABLES}
