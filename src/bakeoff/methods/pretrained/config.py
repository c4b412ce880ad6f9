"""Settings of method `pretrained`."""

from __future__ import annotations

from typing import Literal

from bakeoff.methods.base import MethodConfig


class PretrainedConfig(MethodConfig):
    """The model as it came: no training."""

    method: Literal["pretrained"] = "pretrained"
