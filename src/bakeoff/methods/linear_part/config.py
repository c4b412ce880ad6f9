"""The setting `linear_part` of the methods that have one."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from bakeoff.methods.linear.config import LinearConfig

LINEAR_PART = "linear_part"
"""Folder of the linear model inside that of the network."""


class LinearPartConfig(LinearConfig):
    """A linear model inside a network: it reads the text alone."""

    features: bool = Field(
        False, description="Always `false`: the linear model reads the text alone, and columns are the network's."
    )

    @field_validator("features")
    @classmethod
    def _reads_the_text_alone(cls, features: bool) -> bool:
        if features:
            raise ValueError("linear_part reads the text alone; leave out its `features`")
        return features


def _is_searched_as_a_whole(settings: LinearPartConfig | None) -> LinearPartConfig | None:
    if settings is not None and settings.tune is not None:
        raise ValueError("linear_part cannot have a `tune` of its own; `tune` searches the settings of the network")
    return settings


LinearPartSettings = Annotated[
    LinearPartConfig | None,
    Field(
        description="Settings of a linear model that is fitted first, with the keys of method `linear`. The network "
        "learns what the linear model misses: its logits are added to the linear model's, and it sees where in the "
        "text the linear model found its evidence."
    ),
    AfterValidator(_is_searched_as_a_whole),
]
