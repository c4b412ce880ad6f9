"""Settings of method `ensemble`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bakeoff.methods.base import MethodConfig


class EnsembleConfig(MethodConfig):
    """Contestants that answer together: a weighted sum of log-probabilities, fitted on the validation split."""

    method: Literal["ensemble"] = "ensemble"
    members: Annotated[list[str], Field(min_length=2)] = Field(
        description="Names of at least two contestants listed before it, none of them an ensemble."
    )

    @property
    def builds_on(self) -> list[str]:
        return self.members
