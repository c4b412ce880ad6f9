"""The base class of all typed records of a run."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A record that is written as JSON and read back. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid")
