"""Record the machine and its software, so that a reader can tell whether two runs are comparable."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from bakeoff.machine import SETTINGS, accelerator
from bakeoff.runs.results import Environment

_PACKAGES = (
    *("torch", "transformers", "peft", "datasets", "tokenizers", "safetensors"),
    *("scikit-learn", "numpy", "pyarrow", "pydantic"),
)


def current_environment(threads: int | None = None, at_once: int = 1) -> Environment:
    """Describe this machine and its software. Imports torch.

    Args:
        threads: Of each training; None: as many as in this process.
        at_once: Trainings that run at the same time.
    """
    import psutil
    import torch

    from bakeoff import native

    return Environment(
        command=_command(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        bakeoff=package_version("bakeoff") or "unknown",
        python=platform.python_version(),
        packages=_versions(_PACKAGES),
        platform=platform.platform(),
        processor=_processor(),
        cores=os.cpu_count() or 1,
        threads=threads or torch.get_num_threads(),
        trainings_at_once=at_once,
        memory_bytes=psutil.virtual_memory().total,
        accelerator=accelerator(),
        compiled_kernels=native.available(),
        settings={name: os.environ[name] for name in SETTINGS if name in os.environ},
        git_revision=_git_revision(),
    )


def other_circumstances(began: Environment, precision: str) -> str | None:
    """Return what differs in this process from where a run began, and can change the last digits of its numbers.

    Args:
        began: Where the run began.
        precision: Of a training here: kernels in C matter in bf16 alone.
    """
    import torch

    from bakeoff import native

    gpu = accelerator()
    version, before = package_version("torch"), began.packages.get("torch")
    matter = precision == "bf16" and began.compiled_kernels is not None
    compiled = native.available() if matter else began.compiled_kernels
    differences = [
        (_processor(), began.processor, f"on {_processor()}, not {began.processor}"),
        (gpu, began.accelerator, f"on {gpu or 'no GPU'}, not {began.accelerator or 'no GPU'}"),
        (torch.get_num_threads(), began.threads, f"with {torch.get_num_threads()} threads, not {began.threads}"),
        (version, before, f"with torch {version}, not {before}"),
        (compiled, began.compiled_kernels, f"{'with' if compiled else 'without'} the kernels in C for bf16"),
    ]
    return "; ".join(text for now, then, text in differences if now != then) or None


def installed(models: Iterable[str]) -> dict[str, str]:
    """Return the versions of bakeoff, Python, and what a result depends on. Imports none of it.

    Args:
        models: Distributions that carry packaged models.
    """
    return {**_versions(["bakeoff"]), "Python": platform.python_version(), **_versions([*_PACKAGES, *models])}


def _versions(names: Iterable[str]) -> dict[str, str]:
    return {name: version for name in names if (version := package_version(name))}


def package_version(name: str) -> str | None:
    """Return the version of an installed package, or None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _command() -> list[str]:
    """Return the command line without the path of the program."""
    program, *arguments = sys.argv
    return ["bakeoff" if Path(program).name in ("bakeoff", "main.py", "__main__.py") else program, *arguments]


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _git_revision() -> str | None:
    """Return the git revision of bakeoff itself, if it runs from a checkout."""
    source = Path(__file__).resolve().parents[2]
    if not (source / ".git").exists():
        return None
    try:
        described = subprocess.run(
            ["git", "-C", str(source), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip() or None
