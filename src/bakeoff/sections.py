"""What the sections of both tasks are made of: types of values, and the budget."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(gt=0, le=1)]
ClassWeights = Annotated[
    Literal["none", "balanced"],
    Field(description="`balanced`: in training a text weighs all texts / (classes * texts of its class)."),
]


def _rate_or_auto(value: Any) -> Any:
    """Checked here rather than by pydantic's union, which would report each of its two types as a problem."""
    if value == "auto":
        return value
    try:
        rate = float(value)
    except (TypeError, ValueError):
        rate = math.nan
    if isinstance(value, bool) or not 0 < rate < math.inf:
        raise ValueError(f"must be a number above 0, or `auto`, not {value!r}")
    return rate


RateOrAuto = Annotated[float | Literal["auto"], BeforeValidator(_rate_or_auto)]

RequestedPrecision = Annotated[
    Literal["auto", "fp32", "bf16"],
    Field(
        description="Precision of the arithmetic. `auto` is bf16 where `bakeoff doctor` finds it fast; elsewhere bf16 "
        "is hundreds of times slower. Weights that are trained are always kept in fp32."
    ),
]
Tracker = Literal["none", "tensorboard", "mlflow", "wandb"]


def _one_or_several(value: Any) -> Any:
    """Checked here for the same reason."""
    several = isinstance(value, list) and len(value) == len(set(map(str, value))) > 0
    if value is None or isinstance(value, str) or (several and all(isinstance(each, str) for each in value)):
        return value
    raise ValueError(f"must be the name of a column or a list of different ones, not {value!r}")


ColumnOrColumns = Annotated[str | list[str] | None, BeforeValidator(_one_or_several)]


def _share_or_steps(value: float) -> float:
    if value >= 1 and not value.is_integer():
        raise ValueError(f"must be a share below 1 or a whole number of steps, not {value:g}")
    return value


Warmup = Annotated[
    float,
    Field(
        ge=0,
        description="Warm-up, in which the learning rate rises from 0: below 1 a share of all steps, from 1 on a "
        "number of steps.",
    ),
    AfterValidator(_share_or_steps),
]
Schedule = Annotated[
    Literal["constant", "linear", "cosine"], Field(description="Course of the learning rate after the warm-up.")
]
WeightDecay = Annotated[float, Field(ge=0, description="Decoupled weight decay of AdamW.")]
GradientClip = Annotated[PositiveFloat | None, Field(description="Largest norm of the gradient; `null`: no limit.")]


class Section(BaseModel):
    """A part of the config: unknown keys are errors, values do not change after they were checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Budget(Section):
    """What every contestant may spend. The first limit that is reached ends its training."""

    epochs: PositiveInt | None = Field(None, description="Passes over the training data.")
    tokens: PositiveInt | None = Field(None, description="Training tokens (words, for classifiers) to see.")
    seconds: PositiveFloat | None = Field(None, description="Seconds of training, evaluation not counted.")
    evaluations: PositiveInt | None = Field(
        None, description="Evaluations on the validation split, evenly over the budget; absent: one an epoch."
    )

    @model_validator(mode="after")
    def _has_a_limit(self) -> Budget:
        if self.epochs is None and self.tokens is None and self.seconds is None:
            raise ValueError("a budget needs at least one of epochs, tokens, seconds")
        return self
