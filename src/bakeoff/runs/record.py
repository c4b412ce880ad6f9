"""What all typed records of a run have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Is written as JSON and read back; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid")
