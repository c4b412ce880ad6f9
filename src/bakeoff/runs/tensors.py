"""Weights that are not numbers."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
from safetensors import safe_open

from bakeoff.errors import DamagedError


def refuse_weights_that_are_no_numbers(folder: Path) -> None:
    """Check the floating-point tensors in a folder's .safetensors files.

    Raises:
        DamagedError: one holds NaN or infinity.
    """
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 (it is no dict)
                with contextlib.suppress(TypeError):  # numpy has no bf16
                    tensor = file.get_tensor(name)
                    if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
                        raise DamagedError(path, f"is damaged: {name} holds values that are not numbers")
