"""Communication between the processes that torchrun has started.

Every process runs the same program on the same data with the same seed. They share the micro-batches of a step and the
rows to score, and sum the results; `parallel` does so with gradients. Only the main process (rank 0) writes results and
prints. torch.distributed connects them: gloo between CPUs, NCCL between GPUs. In a single process these functions do
nothing and do not load torch.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

from bakeoff.errors import UserError
from bakeoff.sections import Strategy
from bakeoff.training.torchrun import alone, end_with_torchrun, is_main_process, local_rank, rank, world_size

if TYPE_CHECKING:
    import torch

    from bakeoff.training.learner import Batch

Item = TypeVar("Item")
Result = TypeVar("Result")
AnyBatch = TypeVar("AnyBatch", bound="Batch")

TIMEOUT = timedelta(days=1)
"""Time that a process waits for the others: the main process may save or write for long. A crash is noticed at once."""


def summed(values: torch.Tensor) -> torch.Tensor:
    """Sum the tensors of all processes in place. The result is the same to the last bit in each of them."""
    if world_size() > 1:
        group = connected()
        with explained():
            group.all_reduce(values)
    return values


def smallest(value: int) -> int:
    """Return the smallest of the processes' values in all processes."""
    return -largest(-value)


def largest(value: int) -> int:
    """Return the largest of the processes' values in all processes."""
    if world_size() == 1:
        return value
    import torch

    shared, group = torch.tensor(value), connected()
    with explained():
        group.all_reduce(shared, op=group.ReduceOp.MAX)
    return int(shared)


def broadcast(value: float) -> float:
    """Return the main process's value in all processes (their clocks and signals differ)."""
    if world_size() == 1:
        return value
    import torch

    shared = torch.tensor(value, dtype=torch.float64)
    broadcast_tensors([shared])
    return float(shared)


def broadcast_tensors(tensors: Iterable[torch.Tensor]) -> None:
    """Overwrite the tensors with those of the main process."""
    if world_size() > 1:
        group = connected()
        with explained():
            for tensor in tensors:
                group.broadcast(tensor, src=0)


def from_main_process(make: Callable[[], Result]) -> Result:
    """Return in all processes what the main process makes, and only it: an object that can be pickled."""
    if world_size() == 1:
        return make()
    shared, group = [make() if is_main_process() else None], connected()
    with explained():
        group.broadcast_object_list(shared, src=0)
    return cast(Result, shared[0])


def shards(strategy: Strategy) -> bool:
    """Return whether training shards a model, so that no process but the main one may hold all of it."""
    return strategy == "fsdp" and world_size() > 1


def share_or_leave(strategy: Strategy, work: Callable[[], Result]) -> Result | None:
    """Return the result of work on a model after its training.

    All processes share it, unless training had to shard the model: then the main process does it alone, since it holds
    the whole model for it, and the others return None and go on.
    """
    if not shards(strategy):
        return work()
    if not is_main_process():
        return None
    with alone():
        return work()


def wait() -> None:
    """Block until every process has called this."""
    broadcast(0.0)


def shard(items: Iterable[Item]) -> Iterator[Item]:
    """Yield this process's share of items that every process has in the same order."""
    return itertools.islice(items, rank(), None, world_size())


def shard_in_step(items: Sequence[Item]) -> Iterator[tuple[Item, bool]]:
    """Yield this process's share of items, and True; if it has fewer than others, at last any item, and False.

    All processes get the same number: what a sharded model computes, they must compute at the same time.
    """
    for number in range(rank(), -(-len(items) // world_size()) * world_size(), world_size()):
        yield items[min(number, len(items) - 1)], number < len(items)


def share_of_step(batches: Sequence[AnyBatch]) -> list[AnyBatch]:
    """Return this process's micro-batches of a step.

    Whole micro-batches are dealt out evenly, and the remaining ones are split. Together the shares of all processes
    make up the step; a share may be empty.
    """
    size = world_size()
    whole = len(batches) - len(batches) % size
    divided = [batch.split(size) for batch in batches[whole:]] if size > 1 else []
    return [*batches[rank() : whole : size], *(parts[rank()] for parts in divided if rank() < len(parts))]


@functools.cache
def connected() -> Any:
    """Return torch.distributed, with all processes connected.

    Raises:
        UserError: there are more processes than GPUs.
    """
    import torch
    import torch.distributed

    end_with_torchrun()  # in programs that import bakeoff; the command has begun with it
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
def explained() -> Iterator[None]:
    """Turn the errors that follow from the end of another process into a UserError."""
    try:
        yield
    except RuntimeError as error:
        if not any(word in str(error) for word in ("gloo", "NCCL", "Connection closed by peer", "Connection reset")):
            raise
        raise UserError(
            "Another process of this run has ended unexpectedly.",
            "See its error message, or torchrun's summary below. `bakeoff resume` continues a run that has begun.",
        ) from error
