"""The machine: what is set before torch starts, what is found, and how much memory a piece of work took.

Importing this module imports nothing heavy, since `prepare` must run before torch's libraries are loaded.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from bakeoff.runs.results import Environment

SETTINGS = {
    # Threads that wander between cores make OpenMP's parallel regions wait for each other: up to 3x on 2 cores.
    "OMP_PROC_BIND": "true",
    # Activations and gradients are large and short-lived. With huge pages torch gets a fresh block several times
    # faster (one page fault per 2 MB instead of per 4 kB), and unlike a keeping allocator it wastes no memory.
    "THP_MEM_ALLOC_ENABLE": "1",
}
"""Environment variables that must be there when torch's libraries are loaded. The user's own values are kept."""

PACKAGES = (
    *("torch", "transformers", "peft", "datasets", "tokenizers", "safetensors"),
    *("scikit-learn", "numpy", "pyarrow", "pydantic", "openvino"),
)


def prepare() -> dict[str, str]:
    """Set what this machine needs. Has no effect on a torch that is already loaded.

    Returns:
        The settings now in force, by name of the environment variable.
    """
    if sys.platform == "linux" and "torch" not in sys.modules:
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
    return {name: os.environ[name] for name in SETTINGS if name in os.environ}


def reset_peak_memory() -> None:
    """Give free memory back and start measuring the peak anew, so that contestants do not inherit each other's."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets VmHWM, see proc(5)
    except (OSError, AttributeError):
        pass  # not Linux: the peak is that of the whole process
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def peak_memory_bytes() -> int:
    """Peak resident memory since `reset_peak_memory`, in bytes; on a GPU that of the GPU's allocations."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # kilobytes, but bytes on macOS


def environment() -> Environment:
    """What a reader needs to judge whether two runs may be compared. Imports torch."""
    import psutil
    import torch

    return Environment(
        command=_command(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        bakeoff=package_version("bakeoff") or "unknown",
        python=platform.python_version(),
        packages={name: version for name in PACKAGES if (version := package_version(name))},
        platform=platform.platform(),
        processor=_processor(),
        cores=os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        memory_bytes=psutil.virtual_memory().total,
        accelerator=torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        settings={name: os.environ[name] for name in SETTINGS if name in os.environ},
        git_revision=_git_revision(),
    )


def package_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _command() -> list[str]:
    """What was typed, without the path of the program."""
    program, *arguments = sys.argv
    return ["bakeoff" if Path(program).name in ("bakeoff", "main.py") else program, *arguments]


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _git_revision() -> str | None:
    """The revision of bakeoff itself, where it runs from a checkout."""
    source = Path(__file__).resolve().parents[2]
    if not (source / ".git").exists():
        return None
    try:
        found = subprocess.run(
            ["git", "-C", str(source), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None
