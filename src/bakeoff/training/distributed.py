"""Several processes under torchrun: who is the first one, and what they tell each other.

Every process runs the same program on the same data with the same seed. They divide the micro-batches of a step and
the rows that are scored, and agree on sums; the first one alone writes and speaks. Through torch.distributed: gloo
between CPUs, NCCL between GPUs. In a single process nothing here does anything, and torch is not loaded for it.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from bakeoff.errors import UserError

if TYPE_CHECKING:
    import torch

    from bakeoff.training.learner import Batch

Item = TypeVar("Item")
AnyBatch = TypeVar("AnyBatch", bound="Batch")

TIMEOUT = timedelta(days=1)
"""How long a process waits for the others: the first may save or write for long. That one has ended is seen at once."""

GRACE_SECONDS = 10.0
"""How long the other processes leave it to the first to say what is wrong."""


def world_size() -> int:
    """Processes that torchrun has started for this run, on all machines; 1 without torchrun."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def rank() -> int:
    """The number of this process, from 0."""
    return int(os.environ["RANK"]) if world_size() > 1 else 0


def is_main_process() -> bool:
    """Whether this process writes files and speaks to people."""
    return rank() == 0


def local_rank() -> int:
    """The number of this process on its machine, and of its GPU."""
    return int(os.environ["LOCAL_RANK"]) if world_size() > 1 else 0


def summed(values: torch.Tensor) -> torch.Tensor:
    """The sum of all processes' tensors, in place, the same to the last bit in each of them."""
    if world_size() > 1:
        group = _connected()
        with _explained():
            group.all_reduce(values)
    return values


def broadcast(value: float) -> float:
    """The first process's number, in all of them (clocks and signals differ)."""
    if world_size() == 1:
        return value
    import torch

    told = torch.tensor(value, dtype=torch.float64)
    broadcast_tensors([told])
    return float(told)


def broadcast_tensors(tensors: Iterable[torch.Tensor]) -> None:
    """Overwrite the tensors with those of the first process."""
    if world_size() > 1:
        group = _connected()
        with _explained():
            for tensor in tensors:
                group.broadcast(tensor, src=0)


def wait() -> None:
    """Until every process has come here."""
    broadcast(0.0)


@contextlib.contextmanager
def main_process_first() -> Iterator[None]:
    """The first process runs the block, then the others do, who find what it has made."""
    if not is_main_process():
        wait()
    yield
    if is_main_process():
        wait()


def shard(items: Iterable[Item]) -> Iterator[Item]:
    """This process's share of items that every process has in the same order."""
    return itertools.islice(items, rank(), None, world_size())


def share_of_step(batches: Sequence[AnyBatch]) -> list[AnyBatch]:
    """This process's micro-batches of a step: whole ones, and its parts of those that cannot be dealt out evenly.

    The shares of all processes make up the step; one of them may be empty.
    """
    size = world_size()
    dealt = len(batches) - len(batches) % size
    parts = [batch.split(size) for batch in batches[dealt:]] if size > 1 else []
    return [*batches[rank() : dealt : size], *(part[rank()] for part in parts if rank() < len(part))]


def sum_gradients(weights: Iterable[torch.nn.Parameter]) -> None:
    """Add up the gradients of all processes; where one has none, it counts as zeros."""
    if world_size() == 1:
        return
    import torch

    for weight in weights:
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
        summed(weight.grad)


def work_alone() -> None:
    """Forget the other processes, for work that is not divided."""
    os.environ.pop("TORCHELASTIC_RUN_ID", None)


def leave_it_to_main_process() -> None:
    """Before a process fails: most mistakes are everybody's, and torchrun ends the others when the first has failed."""
    if not is_main_process():
        time.sleep(GRACE_SECONDS)


@functools.cache
def _connected() -> Any:
    """torch.distributed with all processes in it.

    Raises:
        UserError: there are more processes than GPUs.
    """
    import torch
    import torch.distributed

    if torch.cuda.is_available():
        if local_rank() >= torch.cuda.device_count():
            raise UserError(
                f"torchrun has started more processes than there are GPUs ({torch.cuda.device_count()}).",
                f"Set --nproc-per-node to {torch.cuda.device_count()} or less.",
            )
        torch.cuda.set_device(local_rank())
    if not torch.distributed.is_initialized():
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        torch.distributed.init_process_group(backend, timeout=TIMEOUT)
        atexit.register(torch.distributed.destroy_process_group)
    return torch.distributed


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise UserError(
            "Another process of this run has ended before its time.",
            "See what it said, or torchrun's table below; a run that has begun goes on with `bakeoff resume`.",
        ) from error
