"""Name a class or function as `"module:name"`, and import it only when it is needed."""

from __future__ import annotations

import importlib
import operator
from typing import Any


def load_target(target: str) -> Any:
    """Import what `"module:name"` names; `name` may lead to an attribute: `OBJECT.method`."""
    module, _, name = target.partition(":")
    return operator.attrgetter(name)(importlib.import_module(module))
