"""Settings of method `pretrained`."""

from __future__ import annotations

from typing import Literal

from bakeoff.methods.base import MethodConfig
from bakeoff.sections import QuantizationSetting


class UntrainedConfig(MethodConfig):
    """Settings of methods that train nothing."""

    quantization: QuantizationSetting = None


class PretrainedConfig(UntrainedConfig):
    """The pretrained model without any training."""

    method: Literal["pretrained"] = "pretrained"
