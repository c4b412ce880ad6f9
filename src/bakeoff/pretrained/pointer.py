"""base_model.json: the name of a contestant's base model, as the user wrote it.

A contestant `pretrained` has no weights of its own, so this file is all that its model/ contains. Beside an adapter it
names `smollm2-135m`, for which adapter_config.json has to name a folder of one machine.
"""

from __future__ import annotations

import json
from pathlib import Path

from bakeoff.errors import UserError
from bakeoff.runs.writing import write_text

_NAME = "base_model.json"


def write_pointer(folder: Path, base_model: str) -> None:
    """Write base_model.json into `folder`, which is created if it does not exist."""
    write_text(folder / _NAME, json.dumps({"base_model": base_model}, indent=2) + "\n")


def pointed_base(folder: Path) -> str | None:
    """Return the model that `folder` points at, or None if it has no base_model.json.

    Raises:
        UserError: the file is damaged.
    """
    path = folder / _NAME
    if not path.exists():
        return None
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["base_model"])
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path} is damaged.", 'It should read {"base_model": "NAME"}.') from None
