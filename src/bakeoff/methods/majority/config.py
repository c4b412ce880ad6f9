"""Settings of method `majority`."""

from __future__ import annotations

from typing import Literal

from bakeoff.methods.base import MethodConfig


class MajorityConfig(MethodConfig):
    """Always predicts the most frequent class of the training split: the baseline."""

    method: Literal["majority"] = "majority"
