"""Prepare the machine before torch starts (environment variables, cores, allocator), and measure memory.

Importing this module imports nothing heavy, since `prepare` must run before torch's libraries are loaded.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import importlib.util
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

SETTINGS = {
    # Threads that migrate between cores make OpenMP's parallel regions wait for each other: up to 3x slower on 2 cores.
    "OMP_PROC_BIND": "true",
    # torch allocates large blocks in huge pages: one page fault per 2 MB instead of per 4 kB.
    "THP_MEM_ALLOC_ENABLE": "1",
}
"""Environment variables that must be set before torch's libraries are loaded. The user's own values are kept."""


def prepare() -> dict[str, str]:
    """Set environment variables, cores and allocator for torch. Has no effect if torch is already loaded.

    Returns:
        The values now in force, by environment variable.
    """
    # tqdm's, in notebooks without ipywidgets. The libraries that import it show no bars here.
    warnings.filterwarnings("ignore", message="IProgress not found")
    if sys.platform == "linux" and "torch" not in sys.modules:
        _keep_to_own_cores()
        _own_cores.update(os.sched_getaffinity(0))
        for name, value in SETTINGS.items():
            if name != "OMP_PROC_BIND" or not _shares_its_cores():
                os.environ.setdefault(name, value)
        _load_openmp()
        _keep_freed_blocks()
    return {name: os.environ[name] for name in SETTINGS if name in os.environ}


def _shares_its_cores() -> bool:
    """Return whether OMP_NUM_THREADS leaves cores to other processes, which would bind themselves to the same one."""
    threads = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return threads.isdecimal() and int(threads) < len(os.sched_getaffinity(0))


def _load_openmp() -> None:
    """Load torch's OpenMP before any other.

    scikit-learn ships its own. The first one loaded binds the main thread to a core, and the next one then sees only
    that core: torch would compute with a single thread.
    """
    torch = importlib.util.find_spec("torch")
    for folder in (torch and torch.submodule_search_locations) or ():
        for library in Path(folder, "lib").glob("libgomp*.so*"):
            ctypes.CDLL(str(library))


def _keep_freed_blocks() -> None:
    """Let the C library keep freed large blocks for reuse.

    By default it returns blocks of 32 MB and more to the system at once, and so does free memory at the end of the
    heap. These are logits and activations, which every step allocates again, and the system clears each page before it
    hands it out. `give_memory_back` returns the kept blocks.
    """
    with contextlib.suppress(AttributeError):  # not glibc
        set_option = ctypes.CDLL(None).mallopt
        set_option(-4, 0)  # M_MMAP_MAX: no blocks outside the heap
        set_option(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD: this much may stay free at its end


def return_freed_blocks() -> None:
    """Let the C library return freed large blocks at once: where layers come and go, kept ones would not fit the next.

    Small blocks that stay are put into the gaps that large ones leave, so that the heap would grow by every layer.
    """
    with contextlib.suppress(AttributeError):  # not glibc
        set_option = ctypes.CDLL(None).mallopt
        set_option(-4, 65_536)  # M_MMAP_MAX: its default
        set_option(-3, 1 << 20)  # M_MMAP_THRESHOLD: blocks from 1 MB on are outside the heap


def _keep_to_own_cores() -> None:
    """Divide the cores among the processes that torchrun has started on this machine.

    OMP_PROC_BIND puts the first thread of a process on the first core that it may use. Without this function, that
    would be the same core for all processes.
    """
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if processes > 1:
        cores, number = sorted(os.sched_getaffinity(0)), int(os.environ["LOCAL_RANK"])
        share = len(cores) // processes
        own = cores[number * share : (number + 1) * share] or [cores[number % len(cores)]]
        os.sched_setaffinity(0, own)


_own_cores: set[int] = set()
"""Cores of this process before OpenMP bound the main thread to one of them; empty where threads are not bound."""


def own_cores() -> list[int]:
    """Return the cores that this process may use, also where its main thread is bound to one; empty if unknown."""
    if sys.platform != "linux":
        return []
    return sorted(_own_cores or os.sched_getaffinity(0))


@contextlib.contextmanager
def all_cores() -> Iterator[None]:
    """Let threads started inside the block use all cores of this process.

    A thread inherits the cores of the thread that starts it, and OpenMP has bound the main thread to a single core. The
    threads of a tokenizer, or of another engine, would all share that core.
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


def default_cache() -> Path:
    """Return `bakeoff` in $XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bakeoff"


def accelerator() -> str | None:
    """Return the name of the GPU that torch uses, or None."""
    torch = sys.modules.get("torch")
    return str(torch.cuda.get_device_name()) if torch is not None and torch.cuda.is_available() else None


_earlier_peak = 0
"""Peak before `memory_growth` started a measurement of its own."""


def give_memory_back() -> None:
    """Return unused memory to the system.

    Models are part of reference cycles, which only the garbage collector frees.
    """
    gc.collect()
    give_blocks_back()


def give_blocks_back() -> None:
    """Return freed blocks to the system, which the C library, Arrow, and torch on a GPU keep for reuse."""
    pyarrow = sys.modules.get("pyarrow")
    if pyarrow is not None:
        pyarrow.default_memory_pool().release_unused()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    with contextlib.suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None).malloc_trim(0)


_many_trainings = False


@contextlib.contextmanager
def many_trainings() -> Iterator[None]:
    """Keep the garbage collector away from what is there before each training of the block.

    A training collects garbage several times. With the million objects of the libraries, that would take 0.2 seconds
    each, longer than a small model trains. After the block all are as before, if the caller had frozen none.
    """
    global _many_trainings
    if _many_trainings:
        yield
        return
    frozen_before, _many_trainings = _has_frozen_objects(), True
    try:
        yield
    finally:
        _many_trainings = False
        if not frozen_before:
            gc.unfreeze()


@functools.cache
def _has_frozen_objects() -> bool:
    """Return whether the caller had frozen objects at the first look. Counting them takes a while."""
    return gc.get_freeze_count() > 0


def reset_peak_memory() -> None:
    """Give free memory back and restart the measurement of the peak, so that each contestant has its own peak."""
    global _earlier_peak
    give_memory_back()
    if _many_trainings:
        gc.freeze()
    _mark_peak()
    _earlier_peak = 0


def peak_memory_bytes() -> int:
    """Return the peak resident memory since `reset_peak_memory`, in bytes; on a GPU, the peak of its allocations."""
    return max(_earlier_peak, _peak_since_mark())


def memory_growth(work: Callable[[], object]) -> int:
    """Return the peak memory of `work` above the memory in use before it, in bytes; 0 if the system cannot tell."""
    global _earlier_peak
    _earlier_peak = peak_memory_bytes()
    give_memory_back()  # otherwise `work` would reuse kept blocks, which would not show
    can_tell = _mark_peak()
    before = memory_bytes()
    work()
    return max(0, _peak_since_mark() - before) if can_tell else 0


def _mark_peak() -> bool:
    """Restart the system's measurement of the peak; return False if it can only measure that of the whole process."""
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
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # kilobytes, but bytes on macOS


def memory_bytes() -> int:
    """Return the current resident memory of this process, in bytes; on a GPU, that of its allocations."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return int(torch.cuda.memory_allocated())
    import psutil

    return int(psutil.Process().memory_info().rss)


def available_memory_bytes() -> int:
    """Return the memory that this process can still allocate without swapping, in bytes; on a GPU, that of the GPU.

    Considers the memory of the machine and the limits of containers.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        unused = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return int(torch.cuda.mem_get_info()[0]) + int(unused)
    import psutil

    limits = [max(0, _memory_limit - memory_bytes())] if _memory_limit else []
    return min([int(psutil.virtual_memory().available), *_room_in_groups(), *limits])


_memory_limit = 0


def limit_memory(total: int) -> None:
    """Count no more than this as available to the whole process, in bytes: others use the rest at the same time."""
    global _memory_limit
    _memory_limit = total


def _room_in_groups(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> list[int]:
    """Return the bytes left in each control group (version 2) of this process that has a limit."""
    room = []
    with contextlib.suppress(OSError):
        for line in own.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("0::"):
                group = root / line[3:].strip("/")
                room += [_room(folder) for folder in (group, *group.parents) if folder.is_relative_to(root)]
    return [left for left in room if left is not None]


def _room(group: Path) -> int | None:
    try:
        limit, used = ((group / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current"))
        statistics = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):
        return None
    if limit == "max":
        return None
    files = int(statistics.get("inactive_file", 0)) + int(statistics.get("active_file", 0))  # reclaimed when needed
    return max(0, int(limit) - int(used) + files)
