"""The cache of keys and values: what models call it, which transformers changed in 5.24, and what it keeps."""

from __future__ import annotations

import inspect
from typing import Any

from transformers.cache_utils import DynamicLayer

CACHE_NAMES = ("cache", "past_key_values")
_STATE_NAMES = ("cache_params", "state")  # of Mamba and xLSTM; of RWKV


def cache_name(model: Any) -> str | None:
    """Return what a model calls its cache, as an argument and in its output; None if it has none, as GPT-1."""
    parameters = inspect.signature(model.forward).parameters
    return next((name for name in (*CACHE_NAMES, *_STATE_NAMES) if name in parameters), None)


def keeps_every_key(cache: Any) -> bool:
    """Return whether each layer of a cache has the keys of all tokens, in place of a window of them or of a state."""
    return all(type(layer) is DynamicLayer for layer in cache.layers)


def cache_argument(model: Any, cache: Any) -> dict[str, Any]:
    """Return the keyword argument by which a model takes a cache; nothing if it takes none."""
    name = cache_name(model)
    return {} if name is None else {name: cache}
