"""Compile the package's C files for the processor at hand, once per machine, with the C compiler that is there."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bakeoff.machine import default_cache

_FLAGS = ("-O3", "-march=native", "-mprefer-vector-width=512", "-fopenmp", "-fno-math-errno", "-fno-trapping-math")
_SECONDS = 60.0


def compiled(source: str) -> ctypes.CDLL | None:
    """Return the functions of a C file beside this module, or None where it cannot be compiled."""
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        return None
    try:
        files = [Path(__file__).with_name(name) for name in (source, "native.h")]
        facts = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
        processor = sorted({line for line in facts if line.startswith(("model", "flags"))})
        openmp = sorted(map(str, (_torch_folder() / "lib").glob("libgomp*.so*")))
        made_of = "\n".join([*(file.read_text(encoding="ascii") for file in files), *_FLAGS, *openmp, *processor])
        key = hashlib.sha256(made_of.encode()).hexdigest()
        file = default_cache() / "kernels" / f"{key[:16]}.so"
        if not file.exists():
            _compile([compiler, *_FLAGS, str(files[0]), *openmp], file)
        return ctypes.CDLL(str(file))
    except (OSError, subprocess.SubprocessError):
        return None


def _torch_folder() -> Path:
    """Return the folder of torch without importing it, which would take longer than a short command."""
    spec = importlib.util.find_spec("torch")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _compile(command: list[str], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        made = Path(folder, file.name)
        # torch's OpenMP comes first and serves already. A second one would have threads of its own, on a single core.
        more = ["-shared", "-fPIC", "-Wl,--as-needed", "-lm", "-o", str(made)]
        subprocess.run([*command, *more], check=True, capture_output=True, timeout=_SECONDS)
        made.replace(file)
