from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from bakeoff import machine


def in_a_new_process(code: str, **variables: str) -> str:
    """Run code in a process without torch and without the settings of this one; return its output."""
    own = {*machine.SETTINGS, "OMP_NUM_THREADS"}
    environment = {name: value for name, value in os.environ.items() if name not in own}
    environment.update(variables)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_settings_are_set_before_torch_starts():
    code = "from bakeoff import machine; print(machine.prepare())"

    assert in_a_new_process(code) == str(machine.SETTINGS)


def test_settings_of_the_user_are_kept():
    code = "from bakeoff import machine; print(machine.prepare()['OMP_PROC_BIND'])"

    assert in_a_new_process(code, OMP_PROC_BIND="close") == "close"


def test_nothing_is_set_when_torch_is_already_loaded():
    code = "import torch; from bakeoff import machine; print(machine.prepare())"

    assert in_a_new_process(code) == "{}"


binds_threads = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="threads are bound on Linux only")
on_every_core = "import os; os.sched_setaffinity(0, range(os.cpu_count())); from bakeoff import machine\n"


@binds_threads
def test_processes_that_share_the_cores_are_not_bound_to_the_same_one():
    code = on_every_core + "machine.prepare(); import torch; print(len(os.sched_getaffinity(0)) == os.cpu_count())"

    assert in_a_new_process(code, OMP_NUM_THREADS="1") == "True"


@pytest.fixture(scope="module")
def prepared() -> list[str]:
    """What a prepared process with torch finds: a thread sees all cores, own cores, threads of torch."""
    code = (
        on_every_core
        + "from threading import Thread; before = os.sched_getaffinity(0); machine.prepare(); import torch\n"
        "with machine.all_cores():\n"
        "    thread = Thread(target=lambda: print(os.sched_getaffinity(0) == before)); thread.start(); thread.join()\n"
        "print(len(os.sched_getaffinity(0)), torch.get_num_threads())"
    )
    return in_a_new_process(code).split()


@binds_threads
def test_threads_of_other_libraries_get_all_cores(prepared):
    assert prepared[:2] == ["True", "1"]


@binds_threads
def test_torch_has_all_its_threads_after_a_library_with_an_openmp_of_its_own(prepared):
    code = "machine.prepare(); import sklearn.linear_model, torch; print(torch.get_num_threads())"

    assert in_a_new_process(on_every_core + code) == prepared[2]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc and glibc")
def test_freed_blocks_are_kept_until_given_back():
    code = """
from bakeoff import machine
machine.prepare()
import torch
megabytes = lambda: machine.memory_bytes() >> 20
before = megabytes()
logits = torch.ones(50 << 20)  # 200 MB
del logits
kept = megabytes() - before
machine.give_memory_back()
print(kept > 150, megabytes() - before < 50)
"""

    assert in_a_new_process(code) == "True True"


@binds_threads
def test_processes_of_torchrun_divide_the_cores():
    code = "import os; from bakeoff import machine; machine.prepare(); print(sorted(os.sched_getaffinity(0)))"
    cores = os.sched_getaffinity(0)

    first, second = (
        set(json.loads(in_a_new_process(code, LOCAL_WORLD_SIZE="2", LOCAL_RANK=number))) for number in ("0", "1")
    )

    assert first
    assert len(first) == len(second)
    assert first | second <= cores
    assert len(cores) == 1 or not first & second


def test_peak_memory_is_that_of_the_work_since_the_reset():
    code = (
        "from bakeoff import machine\n"
        "big = bytearray(300_000_000); del big\n"
        "machine.reset_peak_memory()\n"
        "before = machine.peak_memory_bytes()\n"
        "medium = bytearray(100_000_000); del medium\n"
        "print(before // 1_000_000, machine.peak_memory_bytes() // 1_000_000)"
    )

    before, after = map(int, in_a_new_process(code).split())

    assert before < 200
    assert 95 <= after - before <= 120


def test_trainings_do_not_collect_what_was_there_before_them_and_then_all_is_as_it_was():
    code = (
        "import gc\n"
        "from bakeoff import machine\n"
        "with machine.many_trainings(), machine.many_trainings():\n"
        "    machine.reset_peak_memory()\n"
        "    print(gc.get_freeze_count() > 1000)\n"
        "print(gc.get_freeze_count())\n"
    )

    assert in_a_new_process(code).split() == ["True", "0"]
    assert in_a_new_process(f"import gc; gc.freeze()\n{code}").split()[1] != "0"
