"""Presets: settings that a contestant's name stands for, such as `lstm-lab: {}`."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from importlib import resources
from typing import Any

import yaml


@functools.cache
def presets() -> dict[str, dict[str, Any]]:
    """Return the settings of every preset by its name. Callers must not change them."""
    text = (resources.files("bakeoff.config") / "presets.yaml").read_text(encoding="utf-8")
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return loaded


def with_preset(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a contestant's settings on top of the preset of its name, if there is one."""
    return _merge(presets().get(name, {}), settings)


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(dict(base))
    for key, value in changes.items():
        both = isinstance(merged.get(key), dict) and isinstance(value, Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
