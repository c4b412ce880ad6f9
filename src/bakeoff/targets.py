"""Name a class or function as `"module:name"`, and import it only when it is needed."""

from __future__ import annotations

import importlib
from typing import Any


def load_target(target: str) -> Any:
    """Import what `"module:name"` names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
