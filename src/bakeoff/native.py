"""Kernels in C for bf16 on CPUs, where a C compiler is installed: see native.c.

Products in bf16 are so fast on recent processors that everything else takes a third of a training step, because torch's
operations each read and write whole tensors, and convert between bf16 and fp32. native.c is compiled once per machine,
in half a second, with the compiler that is there; without one, the operations of torch are used.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from bakeoff.machine import default_cache

_FLAGS = ("-O3", "-march=native", "-mprefer-vector-width=512", "-fopenmp", "-fno-math-errno", "-fno-trapping-math")
_SECONDS = 60.0


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


def compiled(source: str) -> ctypes.CDLL | None:
    """Return the functions of a C file in this folder, or None where it cannot be compiled."""
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        return None
    try:
        files = [Path(__file__).with_name(name) for name in (source, "native.h")]
        facts = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
        processor = sorted({line for line in facts if line.startswith(("model", "flags"))})
        openmp = sorted(map(str, (Path(torch.__file__).parent / "lib").glob("libgomp*.so*")))
        made_of = "\n".join([*(file.read_text(encoding="ascii") for file in files), *_FLAGS, *openmp, *processor])
        key = hashlib.sha256(made_of.encode()).hexdigest()
        file = default_cache() / "kernels" / f"{key[:16]}.so"
        if not file.exists():
            _compile([compiler, *_FLAGS, str(files[0]), *openmp], file)
        return ctypes.CDLL(str(file))
    except (OSError, subprocess.SubprocessError):
        return None


def _compile(command: list[str], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        made = Path(folder, file.name)
        # torch's OpenMP comes first and serves already. A second one would have threads of its own, on a single core.
        more = ["-shared", "-fPIC", "-Wl,--as-needed", "-lm", "-o", str(made)]
        subprocess.run([*command, *more], check=True, capture_output=True, timeout=_SECONDS)
        made.replace(file)
