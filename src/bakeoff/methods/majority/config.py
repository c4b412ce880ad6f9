"""Settings of method `majority`."""

from __future__ import annotations

from typing import Literal

from bakeoff.methods.base import MethodConfig


class MajorityConfig(MethodConfig):
    """Always answers the most frequent class of the training split: the floor."""

    method: Literal["majority"] = "majority"
