"""base_model.json: the name of a contestant's base model, as the user wrote it, and how its weights are quantized.

A contestant `pretrained` has no weights of its own, so this file is all that its model/ contains. Beside an adapter it
names `smollm2-135m`, for which adapter_config.json has to name a folder of one machine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from bakeoff.copied_files import here
from bakeoff.errors import UserError
from bakeoff.runs.writing import write_text
from bakeoff.sections import Quantization

_NAME = "base_model.json"


@dataclass(frozen=True)
class Pointer:
    """What base_model.json says."""

    base_model: str
    quantization: Quantization | None = None


def write_pointer(folder: Path, base_model: str, quantization: Quantization | None = None) -> None:
    """Write base_model.json into `folder`, which is created if it does not exist."""
    values = {"base_model": base_model} | ({"quantization": quantization} if quantization else {})
    write_text(folder / _NAME, json.dumps(values, indent=2) + "\n")


def read_pointer(folder: Path) -> Pointer | None:
    """Return what base_model.json in `folder` says, or None if there is none.

    Raises:
        UserError: the file is damaged.
    """
    path = folder / _NAME
    if not path.exists():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        pointer = Pointer(str(values["base_model"]), values.get("quantization"))
        if pointer.quantization not in (None, *get_args(Quantization)):
            raise ValueError(pointer.quantization)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path} is damaged.", 'It should read {"base_model": "NAME"}.') from None
    return pointer


def pointed_base(folder: Path) -> str | None:
    """Return the model that `folder` points at, or None if it has no base_model.json.

    Raises:
        UserError: the file is damaged.
    """
    pointer = read_pointer(folder)
    return pointer.base_model if pointer else None


def stored_quantization(name: str) -> Quantization | None:
    """Return how the weights behind a contestant are quantized, by its own setting or that of one it points at.

    Args:
        name: A folder; any other name of a model is that of weights as they are.

    Raises:
        UserError: a file is damaged.
    """
    path = Path(here(name)).expanduser()
    for folder in (path, path / "model"):
        if (pointer := read_pointer(folder)) is not None:
            return pointer.quantization or stored_quantization(pointer.base_model)
    return None
