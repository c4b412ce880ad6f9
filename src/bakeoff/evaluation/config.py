"""The section `evaluation` of a classification config."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bakeoff.sections import PositiveInt, Section


class ClassificationEvaluationConfig(Section):
    """How classifiers are compared: accuracy and macro-F1 on the test split, paired on the same texts."""

    metric: Literal["accuracy", "macro_f1"] = Field(
        "accuracy", description="What decides the verdict; the best epoch is that of the highest validation accuracy."
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="Level of every interval.")
    resamples: PositiveInt = Field(2000, description="Bootstrap resamples.")
