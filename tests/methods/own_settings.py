"""Settings that a small contestant of a method needs: `SETTINGS` in the method's own folder of tests."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any


def own_settings(method: str) -> dict[str, Any]:
    if not (Path(__file__).parent / method / "contract.py").exists():
        return {}
    settings: dict[str, Any] = importlib.import_module(f"tests.methods.{method}.contract").SETTINGS
    return settings
