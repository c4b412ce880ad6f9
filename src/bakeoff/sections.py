"""Building blocks of the config: types of values, the base class of its sections, and the budget."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

FORMAT: Literal[2] = 2
"""Version of the keys of a config and of the files in a run folder."""

PositiveInt = Annotated[int, Field(gt=0, lt=2**53)]  # beyond, no float counts it and no tensor has it
Seed = Annotated[int, Field(ge=0, lt=2**31)]  # what every library takes, further seeds of `repeats` included
PositiveFloat = Annotated[float, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(gt=0, le=1)]
ClassWeights = Annotated[
    Literal["none", "balanced"],
    Field(description="`balanced`: in training, a text weighs all texts / (classes * texts of its class)."),
]


def _rate_or_auto(value: Any) -> Any:
    """Validate a learning rate. A pydantic union would report one problem for each of its two types."""
    if value == "auto":
        return value
    try:
        rate = float(value)
    except (TypeError, ValueError, OverflowError):
        rate = math.nan
    if not 0 < rate < math.inf:
        raise ValueError(f"must be a number above 0, or `auto`, not {value!r}")
    return rate


RateOrAuto = Annotated[float | Literal["auto"], BeforeValidator(_rate_or_auto)]

RequestedPrecision = Annotated[
    Literal["auto", "fp32", "bf16"],
    Field(
        description="Precision of the arithmetic. `auto` is bf16 where the hardware computes it fast (see `bakeoff "
        "doctor`), otherwise fp32; elsewhere bf16 is hundreds of times slower. Trained weights are always kept in fp32."
    ),
]
Quantization = Literal["int8", "nf4"]
"""How the frozen weights of a model are stored: in 8 bits (absmax of each row), or in 4 (NormalFloat, QLoRA's)."""

QuantizationSetting = Annotated[
    Quantization | None,
    Field(
        description="Store the weights of the model's linear layers in 8 bits (`int8`) or 4 (`nf4`, as QLoRA does) "
        "instead of 16 or 32; `null`: as they are. The model then computes with the rounded weights, in training and "
        "afterwards. Needs the extra `quantization`."
    ),
]
Strategy = Literal["ddp", "fsdp"]
"""How the processes of torchrun divide a training: each holds the whole model, or its share of it."""

Tracker = Literal["none", "tensorboard", "trackio", "mlflow", "wandb"]


def _one_or_several(value: Any) -> Any:
    """Validate one column or several, with one message for the same reason."""
    several = isinstance(value, list) and len(value) == len(set(map(str, value))) > 0
    if value is None or isinstance(value, str) or (several and all(isinstance(name, str) for name in value)):
        return value
    raise ValueError(f"must be the name of a column or a list of different names, not {value!r}")


ColumnOrColumns = Annotated[str | list[str] | None, BeforeValidator(_one_or_several)]


def _share_or_steps(value: float) -> float:
    if value >= 1 and not value.is_integer():
        raise ValueError(f"must be a share below 1 or a whole number of steps, not {value:g}")
    return value


Warmup = Annotated[
    float,
    Field(
        ge=0,
        description="Length of the warm-up, in which the learning rate rises from 0: a share of all steps if below 1, "
        "otherwise a number of steps.",
    ),
    AfterValidator(_share_or_steps),
]
Schedule = Annotated[
    Literal["constant", "linear", "cosine"], Field(description="Learning-rate schedule after the warm-up.")
]
WeightDecay = Annotated[float, Field(ge=0, description="Decoupled weight decay of AdamW.")]
GradientClip = Annotated[PositiveFloat | None, Field(description="Maximum norm of the gradient; `null`: no clipping.")]


def _kinds(annotation: Any) -> set[Any]:
    """Return the types that a value may have, of a union or of one type."""
    inner = get_args(annotation)
    return {kind for each in inner for kind in _kinds(each)} if inner else {annotation}


class Section(BaseModel):
    """A section of the config. Unknown keys are errors, and values cannot change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse `true` where a number is wanted, which Python and pydantic take for 1."""
        if isinstance(value, bool):
            kinds = _kinds(cls.model_fields[str(info.field_name)].annotation)
            if bool not in kinds and kinds & {int, float}:
                raise ValueError(f"must be a {'whole ' * (float not in kinds)}number, not {value!r}")
        return value


class Distributed(Section):
    """How the processes of `torchrun` train one model together. One process trains as usual."""

    strategy: Strategy = Field(
        "ddp",
        description="`ddp`: every process holds the whole model; `fsdp`: each holds its share of weights, gradients "
        "and optimizer states, for models that are too large for one (methods `full`, `lora` and `transformer`).",
    )


class Budget(Section):
    """Training budget of every contestant. Training ends at the first limit that is reached."""

    epochs: PositiveInt | None = Field(None, description="Passes over the training data.")
    tokens: PositiveInt | None = Field(None, description="Training tokens (for classifiers, words).")
    seconds: PositiveFloat | None = Field(None, description="Seconds of training, without evaluation.")
    evaluations: PositiveInt | None = Field(
        None,
        description="Number of evaluations on the validation split, spread evenly over the budget. If absent, one per "
        "epoch.",
    )

    @model_validator(mode="after")
    def _has_a_limit(self) -> Budget:
        if self.epochs is None and self.tokens is None and self.seconds is None:
            raise ValueError("a budget needs at least one of epochs, tokens, seconds")
        return self
