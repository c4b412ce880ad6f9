"""The name of the cache of keys and values, which transformers changed in 5.24."""

from __future__ import annotations

import inspect
from typing import Any

CACHE_NAMES = ("cache", "past_key_values")


def cache_name(model: Any) -> str:
    """Return what a model or one of its layers calls the cache, as an argument and in its output."""
    parameters = inspect.signature(model.forward).parameters
    return next((name for name in CACHE_NAMES if name in parameters), CACHE_NAMES[-1])
