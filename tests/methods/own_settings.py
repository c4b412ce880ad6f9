"""What a small contestant of a method needs, from `contract.py` in the method's own folder of tests."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any


def own_contract(method: str) -> Any:
    """Return the module, or None.

    It may hold `SETTINGS`, `TEXTS` if the contestant only knows these, and `DATA` with `CONFIG` if it needs data of a
    kind of its own.
    """
    folder = method.replace("-", "_")
    if not (Path(__file__).parent / folder / "contract.py").exists():
        return None
    return importlib.import_module(f"tests.methods.{folder}.contract")


def own_settings(method: str) -> dict[str, Any]:
    return dict(getattr(own_contract(method), "SETTINGS", {}))
