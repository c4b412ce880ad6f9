"""Settings of method `embedding`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from bakeoff.methods.base import MethodConfig
from bakeoff.methods.search_space import Choice, SearchSpace
from bakeoff.methods.table_columns.config import ReadsFeatures
from bakeoff.pretrained.names import DEFAULT_ENCODER, local_model
from bakeoff.sections import ClassWeights, PositiveInt, RequestedPrecision

REGRESSION = "regression.safetensors"
"""File with the weights of the regression in a contestant's model/, also in that of `setfit`."""


def _layer(value: Any) -> Any:
    """Validate a layer. A pydantic union would report one problem for each of its two types."""
    if value == "auto" or (isinstance(value, int) and value > 0):
        return value
    raise ValueError(f"must be a whole number above 0, or `auto`, not {value!r}")


class EmbeddingConfig(MethodConfig):
    """The vectors that a frozen pretrained encoder or language model gives to texts, and logistic regression."""

    method: Literal["embedding"] = "embedding"
    model: str = Field(
        DEFAULT_ENCODER,
        description="A hub id, a local folder, a GGUF file, or a packaged model (`minilm-l6`, `smollm2-135m`, "
        "`stories260k`). It is not changed.",
    )
    static: bool = Field(
        False,
        description="Give every token one vector, distilled from the model once (Tulkens and van Dongen 2024, "
        "model2vec): predictions need no network and are hundreds of times faster.",
    )
    pooling: Literal["auto", "mean", "last", "first"] = Field(
        "auto",
        description="How the states of a text's tokens become one vector: their mean, or the state of the last or "
        "first token. `auto` is what the model's own files say, otherwise `mean`.",
    )
    layer: Annotated[int | Literal["auto"], BeforeValidator(_layer)] = Field(
        "auto",
        description="The layer whose states are read, counted from 1. `auto` is the last one of an encoder; of a "
        "causal language model, the layer in its middle that is best on the validation split.",
    )
    max_length: PositiveInt | None = Field(
        None, description="Longest text in tokens; longer ones lose their end. If absent, what the model was made for."
    )
    class_weights: ClassWeights = "none"
    features: ReadsFeatures = True
    precision: RequestedPrecision = "auto"
    search_space: ClassVar[SearchSpace] = {"pooling": Choice(("mean", "last", "first"))}

    @model_validator(mode="after")
    def _static_reads_single_tokens(self) -> EmbeddingConfig:
        given = [key for key, absent in (("layer", "auto"), ("max_length", None)) if getattr(self, key) != absent]
        if self.static and given:
            raise ValueError(f"{given[0]} is for `static: false`: a static model reads token by token")
        return self

    def local_paths(self) -> dict[str, str]:
        return local_model(self.model)

    @property
    def pretrained_model(self) -> str:
        return self.model
