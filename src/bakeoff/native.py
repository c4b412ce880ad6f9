"""Kernels in C for bf16 on CPUs, where a C compiler is installed: see native.c.

Products in bf16 are so fast on recent processors that everything else takes a third of a training step, because torch's
operations each read and write whole tensors, and convert between bf16 and fp32. native.c is compiled once per machine,
in half a second, with the compiler that is there; without one, the operations of torch are used.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import torch

from bakeoff.compiling import compiled


def available() -> bool:
    """Return whether the kernels are compiled, after compiling them if need be."""
    return _library() is not None


def fits(*tensors: torch.Tensor) -> bool:
    """Return whether the kernels can compute with these tensors: bf16, contiguous, on the CPU."""
    right = (each.dtype == torch.bfloat16 and each.device.type == "cpu" and each.is_contiguous() for each in tensors)
    return all(right) and available()


def run(name: str, *arguments: torch.Tensor | int | float | None) -> None:
    """Call a function of native.c; tensors are passed as pointers."""
    library = _library()
    assert library is not None  # `fits` has said so
    getattr(library, name)(*map(as_c, arguments))


def as_c(argument: torch.Tensor | int | float | None) -> Any:
    """Return an argument as C takes it: a pointer for a tensor or None, else an int64 or a float."""
    if isinstance(argument, torch.Tensor):
        return ctypes.c_void_p(argument.data_ptr())
    if isinstance(argument, float):
        return ctypes.c_float(argument)
    return ctypes.c_void_p(None) if argument is None else ctypes.c_int64(argument)


@functools.cache
def _library() -> ctypes.CDLL | None:
    return compiled("native.c")
