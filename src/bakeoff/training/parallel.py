"""One training in several processes: torch's DistributedDataParallel (DDP), or its fully sharded variant (FSDP2).

With DDP (Li et al. 2020) every process holds the whole model. With FSDP2 (Zhao et al. 2023) each holds its share of the
rows of every weight, gradient and moment of the optimizer, and a layer is put together while it computes.

Either sums the gradients of all processes as the backward pass goes along, so each process must take the same number of
passes, and through one module: a learner calls its model, and parts of it, as it likes within that module's forward.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as group
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.nn.parallel import DistributedDataParallel

from bakeoff import machine
from bakeoff.errors import UserError
from bakeoff.training import distributed, sharding, torchrun
from bakeoff.training.learner import Learner, LossSum, SummingLearner, TrainingSettings, Validation
from bakeoff.training.precision import MasterWeights, Precision, choose_device

Result = TypeVar("Result")


def distribute(learner: Learner, settings: TrainingSettings) -> tuple[Learner, MasterWeights]:
    """Give every process the main process's weights, or its rows of them; return the learner to train with.

    To be sharded, a model may be on torch's meta device in the other processes, and on the CPU in the main process.

    Raises:
        UserError: the model's layers are not known, so that it cannot be sharded, or torch is too old for it.
    """
    model = learner.model
    if settings.strategy == "fsdp":
        machine.return_freed_blocks()
        return _Together(learner, _sharded(model, settings.precision)), MasterWeights(model, "fp32")
    distributed.broadcast_tensors(weight.detach() for weight in model.parameters() if weight.requires_grad)
    weights = MasterWeights(model, settings.precision)
    return _Together(learner, _replicated(model, weights)), weights


class _Whatever(torch.nn.Module):
    """A model as a module whose forward pass is whatever is to be computed with the model."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, compute: Callable[[], Result]) -> Result:
        return compute()


class _Together(SummingLearner):
    """A learner whose model takes its passes together with those of the other processes."""

    def __init__(self, learner: Learner, module: torch.nn.Module) -> None:
        """
        Args:
            module: A `_Whatever` around the learner's model, wrapped by DDP or sharded.
        """
        self._learner = learner
        self._module = module

    @property
    def model(self) -> torch.nn.Module:
        return self._learner.model

    @torch.no_grad()
    def steps(self, epoch: int) -> Sequence[Sequence[Any]]:
        return self._computed(lambda: self._learner.steps(epoch))  # some ask their model how texts may share a row

    def loss(self, batch: Any) -> LossSum:
        def compute() -> tuple[torch.Tensor, int | None]:
            found = self._learner.loss(batch)
            return found.total, found.correct

        return LossSum(*self._computed(compute))

    def validate(self) -> Validation:
        return self._computed(self._learner.validate)

    def save_model(self, folder: Path, weights: dict[str, torch.Tensor]) -> None:
        self._learner.save_model(folder, weights)

    def accumulating(self) -> AbstractContextManager[None]:
        return self._module.no_sync() if isinstance(self._module, DistributedDataParallel) else nullcontext()

    def _computed(self, compute: Callable[[], Result]) -> Result:
        result: Result = self._module(compute)
        if isinstance(self._module, FSDPModule) and not torch.is_grad_enabled():
            self._module.reshard()  # or what it has put together would be used again after the weights have changed
        return result


def _replicated(model: torch.nn.Module, weights: MasterWeights) -> DistributedDataParallel:
    for module in model.modules():
        if isinstance(module, torch.nn.Embedding):
            module.sparse = False  # or DDP would await a sparse gradient of a weight that the output layer shares
    together = DistributedDataParallel(
        _Whatever(model),
        init_sync=False,  # `distribute` has done so; it does not know quantized weights
        gradient_as_bucket_view=True,
        find_unused_parameters=True,  # or a weight that takes no part in a step would be waited for
    )
    together.broadcast_buffers = False  # as an argument, it has another name since torch 2.13
    together.register_comm_hook(weights, lambda weights, bucket: _sum(weights, bucket))
    return together


def _sum(weights: MasterWeights, bucket: Any) -> torch.futures.Future[torch.Tensor]:
    """Sum the gradients of a bucket over the processes: in fp32, where the model computes in bf16."""
    masters = weights.copied_gradients(bucket.parameters())
    values = torch.cat([each.flatten() for each in masters]) if masters else bucket.buffer()

    def finish(done: torch.futures.Future[list[torch.Tensor]]) -> torch.Tensor:
        parts = done.value()[0].split([each.numel() for each in masters]) if masters else ()
        for master, part in zip(masters, parts, strict=True):
            master.copy_(part.view_as(master))
        summed: torch.Tensor = bucket.buffer()
        return summed

    result: torch.futures.Future[torch.Tensor] = group.all_reduce(values, async_op=True).get_future().then(finish)
    return result


def _sharded(model: torch.nn.Module, precision: Precision) -> torch.nn.Module:
    """Shard a model layer by layer, and what is around the layers (embeddings, output layer) together.

    In bf16 the shards of trained weights stay in fp32, as their gradients do, and layers are rounded to nearest as they
    are put together. Frozen weights are kept in bf16.
    """
    layers = {name for module in model.modules() for name in getattr(module, "_no_split_modules", None) or ()}
    if not layers:
        raise UserError(
            f"{type(model).__name__} cannot be sharded: transformers does not name its layers.",
            "Set distributed.strategy: ddp.",
        )
    if not hasattr(FSDPModule, "set_force_sum_reduction_for_comms"):
        raise UserError(
            f"distributed.strategy: fsdp needs torch 2.8, and this is {torch.__version__}.", "Update torch."
        )
    policy = MixedPrecisionPolicy()
    if precision == "bf16":
        policy = MixedPrecisionPolicy(torch.bfloat16, reduce_dtype=torch.float32, cast_forward_inputs=False)
        for weight in model.parameters():
            if not weight.requires_grad:
                weight.data = weight.data.to(torch.bfloat16)
    whole = _Whatever(model)
    in_main = torchrun.is_main_process()
    weights = {name: weight.detach() for name, weight in whole.named_parameters()} if in_main else {}
    mesh = init_device_mesh(choose_device().type, (torchrun.world_size(),))
    for module in list(model.modules()):
        if type(module).__name__ in layers:
            fully_shard(module, mesh=mesh, mp_policy=policy)
    fully_shard(whole, mesh=mesh, mp_policy=policy)
    _fill(whole, weights)
    for module in whole.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)  # sums, not means
            module.set_force_sum_reduction_for_comms(True)
    return whole


def _fill(sharded: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Give every process its rows of the main process's weights, and a copy of its buffers.

    Args:
        weights: In the main process, all rows by name. They are dropped one by one.
    """
    device, in_main = choose_device(), torchrun.is_main_process()
    if not in_main:
        sharded.to_empty(device=device)
    for name, weight in sharded.named_parameters():
        empty = torch.empty(weight.shape, dtype=weight.dtype, device=device)
        rows = weights.pop(name).to(device).contiguous() if in_main else empty
        distributed.broadcast_tensors([rows])
        own, first = sharding.local(weight.detach()), sharding.first_row(weight)
        own.copy_(rows[first : first + len(own)])
    distributed.broadcast_tensors(sharded.buffers())
