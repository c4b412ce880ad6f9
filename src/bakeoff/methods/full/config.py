"""Settings of method `full`."""

from __future__ import annotations

from typing import Literal

from bakeoff.methods.fine_tuning.config import FineTuningConfig


class FullConfig(FineTuningConfig):
    """Full fine-tuning: every weight is trained."""

    method: Literal["full"] = "full"
