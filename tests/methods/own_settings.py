"""What a small contestant of a method needs, from `contract.py` in the method's own folder of tests."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any


def own_contract(method: str) -> Any:
    """Return the module, or None. It may hold `SETTINGS`, and `TEXTS` if the contestant only knows these."""
    if not (Path(__file__).parent / method / "contract.py").exists():
        return None
    return importlib.import_module(f"tests.methods.{method}.contract")


def own_settings(method: str) -> dict[str, Any]:
    return dict(getattr(own_contract(method), "SETTINGS", {}))
