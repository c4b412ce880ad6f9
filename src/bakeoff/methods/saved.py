"""config.json of a saved classifier: what it is, and which labels it knows.

In a transformer's folder that file is transformers' own, and this one is classifier.json.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bakeoff.errors import UserError
from bakeoff.runs.folder import write_text

FORMAT_VERSION = 1
_APART = "classifier.json"


@dataclass(frozen=True)
class ModelConfig:
    method: str
    labels: list[str]
    settings: dict[str, Any]  # as in the config, every default resolved
    temperature: float = 1.0  # logits are divided by it; see judge/calibration.py
    format_version: int = FORMAT_VERSION


def model_config_path(folder: Path) -> Path:
    """The file of a saved classifier, whether it exists or not."""
    apart = folder / _APART
    return apart if apart.exists() else folder / "config.json"


def write_model_config(folder: Path, config: ModelConfig) -> None:
    name = _APART if config.method == "transformer" else "config.json"
    write_text(folder / name, json.dumps(asdict(config), indent=2, ensure_ascii=False) + "\n")


def read_model_config(folder: Path) -> ModelConfig:
    """
    Raises:
        UserError: the folder holds no classifier, or one of another version.
    """
    path = model_config_path(folder)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        raise UserError(f"{folder} holds no classifier: its {path.name} is missing or broken.") from None
    if not isinstance(values, dict) or "method" not in values or "labels" not in values:
        raise UserError(f"{folder} holds no classifier of bakeoff.", "Give the folder of a classification run.")
    if values.get("format_version") != FORMAT_VERSION:
        raise UserError(f"{folder} was written by another version of bakeoff.", "Train the contestant again.")
    return ModelConfig(**values)
