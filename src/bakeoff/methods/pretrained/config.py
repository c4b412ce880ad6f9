"""Settings of method `pretrained`."""

from __future__ import annotations

from typing import Literal

from bakeoff.methods.base import MethodConfig


class PretrainedConfig(MethodConfig):
    """The pretrained model without any training."""

    method: Literal["pretrained"] = "pretrained"
