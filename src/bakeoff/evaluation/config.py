"""The section `evaluation` of a classification config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from bakeoff.evaluation.metrics import deciding_metrics
from bakeoff.sections import Section

if TYPE_CHECKING:
    DecidingMetric = str
else:
    DecidingMetric = Literal[tuple(deciding_metrics("classification"))]


class ClassificationEvaluationConfig(Section):
    """The comparison of classifiers: on the test split, paired on the same texts."""

    metric: DecidingMetric = Field(
        "accuracy", description="The metric that decides the verdict; validation accuracy chooses the best epoch."
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="Level of every interval.")
    resamples: Annotated[int, Field(gt=0, le=1_000_000)] = Field(2000, description="Bootstrap resamples.")
