"""Carry out trainings on a Ray cluster (Moritz et al. 2018), each as a task with the resources that it needs.

Ray finds a machine for each task, and tells when one has died. What a task writes is in the run folder, on a disk that
all machines share, or goes through a storage. Its progress comes back through an actor, only its result through Ray.
"""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bakeoff import machine
from bakeoff.environment import current_environment, package_version
from bakeoff.errors import UserError
from bakeoff.execution.exchange import Carrier
from bakeoff.execution.messages import SendingProgress, deliver, with_place
from bakeoff.execution.schedule import GRACE_SECONDS, Assignment, Ended, Executor, Job, LostError
from bakeoff.packages import require
from bakeoff.runs.results import Environment
from bakeoff.targets import load_target
from bakeoff.training.progress import Progress

LOCAL = "ray"
"""The address that means this machine, or the cluster that RAY_ADDRESS names."""

_HEAD = "node:__internal_head__"
"""A resource of the machine without which there is no cluster."""

_TOKEN = Path("~/.ray/auth_token").expanduser()
"""Where Ray keeps the token without which a cluster lets nobody in."""

POLL_SECONDS = 0.2
LOCAL_STORE_BYTES = 80 * 2**20
"""Memory for objects of a cluster that is started here: only results and reports pass through it."""


class OnRay(Executor):
    """A Ray cluster that is connected, or started on this machine."""

    def __init__(self, address: str, trainings: int, assignment: Assignment, carrier: Carrier | None = None) -> None:
        """
        Args:
            address: `ray`, or `ray://HOST:PORT`.
            trainings: How many there are; without GPUs, the cores are divided between them.
            carrier: Brings files to the cluster and back; None: all machines see the run folder.

        Raises:
            UserError: Ray is not installed, the cluster cannot be reached, or it has another version of bakeoff.
        """
        require("ray", f"--on {address}", "Or use the cores of this machine: --workers N")
        if address != LOCAL and not address.startswith("ray://"):
            raise UserError(
                f"--on {address} is no address.", "Give --on ray for this machine, or --on ray://HOST:10001"
            )
        self._assignment = assignment
        self._carrier = carrier
        self._jobs: dict[Any, tuple[Job, Progress]] = {}  # what is running or queued, by Ray's reference to its end
        self._connected_here = _connect(address)
        try:
            self._divide(trainings)
        except BaseException:  # nobody else can close it
            self.close()
            raise

    def _divide(self, trainings: int) -> None:
        """Look at the cluster, and choose the threads of each training."""
        import ray

        cpus, gpus = self._nodes("CPU"), self._nodes("GPU")
        asked = os.environ.get("OMP_NUM_THREADS", "")
        by_gpu = [cpu // gpu for cpu, gpu in zip(cpus, gpus, strict=True) if gpu]
        share = min(by_gpu) if by_gpu else sum(cpus) // trainings
        share = min([share, *filter(None, cpus)])  # a head node may have none
        self.threads = int(asked) if asked.isdecimal() and int(asked) else max(1, share)
        self._has_gpus = bool(by_gpu)
        self.at_once = self._most_at_once()
        self._inbox = ray.remote(num_cpus=0, resources={_HEAD: 0.001}, max_restarts=-1)(_Inbox).remote()
        self._environment = self._look_around()

    def environment(self) -> Environment:
        return self._environment

    def has_room(self) -> bool:
        # One more than there is room for waits in Ray's queue, which tells a cluster that grows on demand to grow.
        return len(self._jobs) <= self._most_at_once()

    def start(self, job: Job, progress: Progress) -> None:
        if self._carrier is not None and not self._carrier.published:
            self._carrier.publish()
        task = self._remote(_carry_out, job).options(name=job.label)
        self._jobs[task.remote(self._assignment, job.number, self._inbox)] = job, progress

    def wait(self) -> Iterator[tuple[Job, Ended | Exception]]:
        import ray

        ended, _ = ray.wait(list(self._jobs), num_returns=1, timeout=POLL_SECONDS)
        progress = {job.number: progress for job, progress in self._jobs.values()}
        with contextlib.suppress(ray.exceptions.RayError):  # its machine has died, and it starts elsewhere
            for number, kind, values in ray.get(self._inbox.take.remote(), timeout=10):
                if number in progress:
                    deliver(progress[number], kind, values)
        for reference in ended:
            job, _ = self._jobs.pop(reference)
            how = _end(reference)
            self._collect(job)
            yield job, how

    def stop(self) -> None:
        import ray

        for reference in self._jobs:
            ray.cancel(reference)  # which its process sees as Ctrl-C
        deadline, left = time.monotonic() + GRACE_SECONDS, list(self._jobs)
        while left and time.monotonic() < deadline:
            _, left = ray.wait(left, num_returns=1, timeout=POLL_SECONDS)
        for job, _ in self._jobs.values():
            with contextlib.suppress(UserError):  # it stays in the storage for `resume`, and the first error counts
                self._collect(job)

    def close(self) -> None:
        import ray

        for reference in self._jobs:
            ray.cancel(reference, force=True)
        with contextlib.suppress(AttributeError):  # there is none yet
            ray.kill(self._inbox)
        if self._connected_here:
            ray.shutdown()

    def _collect(self, job: Job) -> None:
        if self._carrier is not None:
            self._carrier.collect(job.number)

    def _nodes(self, resource: str) -> list[int]:
        """Return how much of a resource each machine of the cluster has."""
        import ray

        return [int(node["Resources"].get(resource, 0)) for node in ray.nodes() if node["Alive"]]

    def _most_at_once(self) -> int:
        return max(1, sum(cpus // (self.threads or 1) for cpus in self._nodes("CPU")))

    def _remote(self, function: Any, job: Job | None = None) -> Any:
        import ray

        own = {"OMP_NUM_THREADS": str(self.threads)}
        own["OMP_PROC_BIND"] = "false"  # Ray gives a task no cores of its own: all would be bound to the same ones
        for name in ("TRANSFORMERS_VERBOSITY", "HF_HUB_DISABLE_PROGRESS_BARS"):
            if name in os.environ:
                own[name] = os.environ[name]
        # What no machine has would never start: it gets the largest one for itself.
        return ray.remote(
            num_cpus=min(self.threads or 1, max(self._nodes("CPU"))),
            num_gpus=int(self._has_gpus and (job is None or job.uses_gpu)),
            memory=min(job.memory_bytes if job else 0, max(self._nodes("memory"))),
            max_retries=0,  # `carry_out` starts it again
            runtime_env={"env_vars": own},
        )(function)

    def _look_around(self) -> Environment:
        """Return the environment of a machine of the cluster.

        Raises:
            UserError: bakeoff is not there, or another version.
        """
        import ray

        same = f"Install bakeoff {package_version('bakeoff')} on all machines of the cluster."
        try:
            found: Environment = ray.get(self._remote(current_environment).remote(self.threads, self.at_once))
        except ray.exceptions.RayError as error:
            raise UserError(f"The cluster cannot run bakeoff: {_last_line(error)}", same) from error
        here = current_environment()
        if found.bakeoff != here.bakeoff:
            raise UserError(f"The cluster has bakeoff {found.bakeoff}, and this machine {here.bakeoff}.", same)
        return found.model_copy(update={"command": here.command})


class _Inbox:
    """An actor that keeps reports until somebody takes them."""

    def __init__(self) -> None:
        self._reports: list[tuple[int, str, Any]] = []

    def put(self, number: int, kind: str, values: Any) -> None:
        self._reports.append((number, kind, values))

    def take(self) -> list[tuple[int, str, Any]]:
        reports, self._reports = self._reports, []
        return reports


def _carry_out(assignment: Assignment, number: int, inbox: Any) -> Ended | Exception:
    """Carry out a training, on a machine of the cluster."""
    import ray

    machine.prepare()
    last: list[Any] = []

    def send(kind: str, values: Any) -> None:
        last[:] = [inbox.put.remote(number, kind, values)]

    try:
        if "://" not in assignment.folder and not Path(assignment.folder).exists():
            raise UserError(
                f"{platform.node()}, a machine of the cluster, does not see {assignment.folder}.",
                "Put the run on a disk that all its machines share: -o /SHARED/RUN. "
                "Or give a place that all reach: --storage s3://BUCKET/FOLDER",
            )
        ended: Ended = load_target(assignment.target)(
            assignment.folder, assignment.session, number, SendingProgress(send)
        )
    except KeyboardInterrupt:
        return LostError("Its process was interrupted.")
    except Exception as error:
        return with_place(error)
    with contextlib.suppress(ray.exceptions.RayError):
        ray.get(last, timeout=10)  # so that all reports are there before the end
    return ended


def _end(reference: Any) -> Ended | Exception:
    import ray

    try:
        ended: Ended | Exception = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        return RuntimeError(str(error))
    except ray.exceptions.RayError as error:
        return LostError(f"Its process is lost ({type(error).__name__}).")
    return ended


def _connect(address: str) -> bool:
    """Connect to a cluster, or start one here; return False if this process is connected already.

    Raises:
        UserError: the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address != LOCAL and (_TOKEN.exists() or "RAY_AUTH_TOKEN" in os.environ):
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # otherwise Ray's client does not send it
    import ray._private.worker

    if ray.is_initialized():
        return False
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    # Ray prints the log of every process that dies to standard output, where results belong. `carry_out` says it.
    ray._private.worker.print_to_stdstream = lambda *_, **__: None
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    if address != LOCAL:
        options = {"address": address}
    elif "RAY_ADDRESS" not in os.environ:
        options |= {"num_cpus": len(machine.own_cores()) or os.cpu_count(), "object_store_memory": LOCAL_STORE_BYTES}
        options |= {"include_dashboard": False}
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        with machine.all_cores():  # which what is started here inherits
            ray.init(**options)
    except Exception as error:
        raise UserError(f"Ray ({address}) cannot be reached: {_last_line(error)}", "Is it running there?") from error
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, before)
    return True


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
