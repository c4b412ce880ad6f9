"""The machine: what is set before torch starts, what is found, and how much memory a piece of work took.

Importing this module imports nothing heavy, since `prepare` must run before torch's libraries are loaded.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.util
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from bakeoff.runs.results import Environment

SETTINGS = {
    # Threads that wander between cores make OpenMP's parallel regions wait for each other: up to 3x on 2 cores.
    "OMP_PROC_BIND": "true",
    # torch gets a fresh large block in huge pages: one page fault per 2 MB instead of per 4 kB.
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
        _keep_to_own_cores()
        _own_cores.update(os.sched_getaffinity(0))
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        _load_openmp()
        _keep_freed_blocks()
    return {name: os.environ[name] for name in SETTINGS if name in os.environ}


def _load_openmp() -> None:
    """Load torch's OpenMP before any other.

    scikit-learn brings one of its own. The first one that is loaded binds the main thread to a core, and the next one
    takes that core for all there is: torch would compute with a single thread.
    """
    torch = importlib.util.find_spec("torch")
    for folder in (torch and torch.submodule_search_locations) or ():
        for library in Path(folder, "lib").glob("libgomp*.so*"):
            ctypes.CDLL(str(library))


def _keep_freed_blocks() -> None:
    """Let the C library keep large blocks that are freed, for the next ones of their size.

    By default it returns blocks of 32 MB and more to the system at once, and whatever is free at the end of the heap:
    logits and activations, which every step needs anew, and the system clears each page again before it gives it out.
    `give_memory_back` returns what is kept.
    """
    with contextlib.suppress(AttributeError):  # not glibc
        set_option = ctypes.CDLL(None).mallopt
        set_option(-4, 0)  # M_MMAP_MAX: no block outside of the heap
        set_option(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD: as much may stay free at its end


def _keep_to_own_cores() -> None:
    """Divide the cores over the processes that torchrun has started here.

    OMP_PROC_BIND puts the first thread of a process on the first core that it may use: without this, all on the same.
    """
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if processes > 1:
        cores, number = sorted(os.sched_getaffinity(0)), int(os.environ["LOCAL_RANK"])
        each = len(cores) // processes
        own = cores[number * each : (number + 1) * each] or [cores[number % len(cores)]]
        os.sched_setaffinity(0, own)


_own_cores: set[int] = set()
"""Cores of this process before OpenMP bound the main thread to one of them; empty where threads are not bound."""


@contextlib.contextmanager
def all_cores() -> Iterator[None]:
    """Let threads that are started meanwhile use all cores of this process.

    A thread begins on the cores of the one that starts it, and OpenMP has bound the main thread to a single one: the
    threads of a tokenizer, or of another engine, would all share it.
    """
    if not _own_cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _own_cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


_earlier_peak = 0
"""Peak before `memory_growth` started a measurement of its own."""


def give_memory_back() -> None:
    """Let the system have what is not needed any more.

    Models hang in circles of references, which only the collector finds; the C library, and torch on a GPU, keep freed
    blocks for later.
    """
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    with contextlib.suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None).malloc_trim(0)


def reset_peak_memory() -> None:
    """Give free memory back and start measuring the peak anew, so that contestants do not inherit each other's."""
    global _earlier_peak
    give_memory_back()
    _mark_peak()
    _earlier_peak = 0


def peak_memory_bytes() -> int:
    """Peak resident memory since `reset_peak_memory`, in bytes; on a GPU that of the GPU's allocations."""
    return max(_earlier_peak, _peak_since_mark())


def memory_growth(work: Callable[[], object]) -> int:
    """What `work` takes at its peak, above what was in use before it, in bytes; 0 where the system cannot tell."""
    global _earlier_peak
    _earlier_peak = peak_memory_bytes()
    give_memory_back()  # or `work` would fill what is free but kept, which would not be seen
    can_tell = _mark_peak()
    before = memory_bytes()
    work()
    return max(0, _peak_since_mark() - before) if can_tell else 0


def _mark_peak() -> bool:
    """Let the system measure the peak from now on; False where it always is that of the whole process."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        return True
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets VmHWM, see proc(5)
    except OSError:
        return False
    return True


def _peak_since_mark() -> int:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # kilobytes, but bytes on macOS


def memory_bytes() -> int:
    """Resident memory of this process at the moment, in bytes; on a GPU that of its allocations."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return int(torch.cuda.memory_allocated())
    import psutil

    return int(psutil.Process().memory_info().rss)


def available_memory_bytes() -> int:
    """What this process can still take without swapping: of the machine's memory, and of its container's share.

    On a GPU that of the GPU.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        unused = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return int(torch.cuda.mem_get_info()[0]) + int(unused)
    import psutil

    return min([int(psutil.virtual_memory().available), *_room_in_groups()])


def _room_in_groups(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> list[int]:
    """Bytes left in each control group (version 2) around this process that has a limit."""
    room = []
    with contextlib.suppress(OSError):
        for line in own.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("0::"):
                group = root / line[3:].strip("/")
                room += [_room(folder) for folder in (group, *group.parents) if folder.is_relative_to(root)]
    return [each for each in room if each is not None]


def _room(group: Path) -> int | None:
    try:
        limit, used = ((group / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current"))
        statistics = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):
        return None
    if limit == "max":
        return None
    files = int(statistics.get("inactive_file", 0)) + int(statistics.get("active_file", 0))  # given back when needed
    return max(0, int(limit) - int(used) + files)


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
