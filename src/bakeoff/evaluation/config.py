"""The section `evaluation` of a classification config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, model_validator

from bakeoff.errors import UserError
from bakeoff.evaluation.metrics import deciding_metrics, get_metric, metrics_of
from bakeoff.sections import Section

if TYPE_CHECKING:
    DecidingMetric = str
else:
    DecidingMetric = Literal[tuple(deciding_metrics("classification"))]

NEED_ORDER = ("mean_absolute_error", "quadratic_kappa")
"""The metrics that are defined only for labels in an order."""

Cost = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _as_label(value: Any) -> Any:
    """Return what YAML takes for a number or a truth value as the label that it is in a table."""
    return str(value) if isinstance(value, int | float) else value


Label = Annotated[str, BeforeValidator(_as_label)]


_COSTS = TypeAdapter(dict[Label, dict[Label, Cost]])


class BinaryCost(Section):
    """What mistakes cost where there are two labels; right answers cost nothing."""

    false_negative: Cost = Field(description="Of a text with the positive label that is not recognized.")
    false_positive: Cost = Field(description="Of a false alarm.")
    positive: Label | None = Field(
        None,
        description="The positive label. Need not be named if one of the two is `1`, `true`, `yes`, `positive` or "
        "`pos`, in capitals or not.",
    )


def _cost(value: Any) -> Any:
    """Tell the two forms apart, so that a mistake in one is not reported for both."""
    if not isinstance(value, dict):
        return value
    if value.keys() & set(BinaryCost.model_fields):
        return BinaryCost.model_validate(value)
    if not value or not all(isinstance(row, dict) for row in value.values()):
        raise ValueError(
            "must be {false_negative: 10, false_positive: 1}, or true label: {predicted label: cost} for more than two"
        )
    return _COSTS.validate_python(value)


def _order(value: Any) -> Any:
    if value is None or value == "ordered" or (isinstance(value, list) and len(value) > 1):
        return value
    raise ValueError(f"must be `ordered` (numbers, by size) or the list of all labels in their order, not {value!r}")


def _threshold(value: Any) -> Any:
    if value == "f1" or (isinstance(value, int | float) and 0 < value < 1):
        return value
    raise ValueError(f"must be `f1` or a number between 0 and 1, not {value!r}")


class ClassificationEvaluationConfig(Section):
    """The comparison of classifiers: on the test split, paired on the same texts."""

    metric: DecidingMetric | None = Field(
        None,
        description="The metric that decides the verdict. If absent, `accuracy`, `cost` where `cost` is given, and "
        "`micro_f1` where a text can have several labels. Validation accuracy (micro-F1 of several labels) chooses the "
        "best epoch.",
    )
    threshold: Annotated[float | Literal["f1"], BeforeValidator(_threshold)] = Field(
        "f1",
        description="Where a text can have several labels: the probability from which a label is predicted. `f1`: of "
        "each label, the one of the highest F1 on the validation split, drawn to a common one where few texts have the "
        "label; or one number for all labels.",
    )
    cost: Annotated[BinaryCost | dict[Label, dict[Label, Cost]] | None, BeforeValidator(_cost)] = Field(
        None,
        description="What mistakes cost: {false_negative: 10, false_positive: 1}, or by true and predicted label: "
        "{complaint: {praise: 20}}, where a mistake that is not named costs 1. Labels are then predicted so that the "
        "expected cost is least.",
    )
    labels: Annotated[Literal["ordered"] | list[Label] | None, BeforeValidator(_order)] = Field(
        None,
        description="The order of labels that have one, such as stars: all of them in a list, or `ordered` for "
        "numbers.",
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="Level of every interval.")
    resamples: Annotated[int, Field(gt=0, le=1_000_000)] = Field(2000, description="Bootstrap resamples.")

    @model_validator(mode="before")
    @classmethod
    def _costs_decide(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("cost") is not None:
            return {"metric": "cost", **values}
        return values

    @model_validator(mode="after")
    def _metric_is_defined(self) -> ClassificationEvaluationConfig:
        if self.metric == "cost" and self.cost is None:
            raise ValueError("metric `cost` needs the costs of mistakes: cost: {false_negative: 10, false_positive: 1}")
        if self.metric in NEED_ORDER and self.labels is None:
            raise ValueError(f"metric `{self.metric}` needs the order of the labels: `labels: ordered`, or a list")
        return self

    def deciding(self, *, multilabel: bool) -> str:
        """Return the metric that decides the verdict.

        Args:
            multilabel: A text can have several labels.

        Raises:
            UserError: the config asks for something that is not defined then.
        """
        if self.metric is None:
            return "micro_f1" if multilabel else "accuracy"
        labels = get_metric(self.metric).labels
        if labels == ("one" if multilabel else "several"):
            have = "can have several labels" if multilabel else "has one label"
            fitting = metrics_of("classification", "several" if multilabel else "one")
            names = ", ".join(metric.name for metric in fitting if metric.paired)
            raise UserError(
                f"evaluation.metric: {self.metric} is not defined where every text {have}.", f"Use one of {names}."
            )
        return self.metric
