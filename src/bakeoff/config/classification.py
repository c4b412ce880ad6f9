"""Every key of a config with `task: classification`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from bakeoff.config.common import ClassificationContestant, CommonConfig
from bakeoff.data.config import PACKAGED_TABLES, TableData
from bakeoff.evaluation.config import ClassificationEvaluationConfig
from bakeoff.sections import Budget, Share


def _ascending(shares: list[float]) -> list[float]:
    if shares and (sorted(set(shares)) != shares or shares[0] == 1):
        raise ValueError("must be shares in ascending order, at least one below 1, such as [0.1, 0.3, 1.0]")
    return shares


class ClassificationConfig(CommonConfig):
    """A bake-off of text classifiers."""

    task: Literal["classification"]
    data: TableData = Field(description="The labeled table.")
    budget: Budget = Field(default_factory=lambda: Budget(epochs=5), description="What each contestant may spend.")
    learning_curve: Annotated[list[Share], AfterValidator(_ascending)] = Field(
        [],
        description="Train every contestant on these shares of the training rows as well, such as `[0.1, 0.3, 1.0]`: "
        "the report then says how quality grows with labels, and what twice as many would bring. Excludes "
        "`data.split.folds`.",
    )
    contestants: dict[str, ClassificationContestant] = Field(description="Settings of each contestant, by name.")
    evaluation: ClassificationEvaluationConfig = Field(
        default_factory=lambda: ClassificationEvaluationConfig(), description="How contestants are compared."
    )

    def local_paths(self) -> Mapping[str, str | list[str]]:
        return {f"data.{key}": file for key, file in self.data.files.items() if file not in PACKAGED_TABLES}

    @model_validator(mode="after")
    def _parts_or_folds(self) -> ClassificationConfig:
        if self.learning_curve and self.data.split.folds is not None:
            raise ValueError("`learning_curve` and `data.split.folds` exclude each other: keep one of them")
        return self
