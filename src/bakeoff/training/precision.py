"""Device, bf16 arithmetic, and fp32 master weights.

bf16 has 8 bits of precision: an update smaller than 1/256 of a weight is lost when it is added to a bf16 weight. So the
optimizer updates fp32 master weights, and the model computes with bf16 copies of them (mixed precision, Micikevicius et
al. 2018). Unlike autocast, this does not cast every weight in every forward and backward pass.

Fine-tuning changes weights by less than that. Rounded to nearest, as autocast does, most bf16 copies would not change
at all, and the model would not compute with what its master weights have learned. So the copies are rounded
stochastically, which is unbiased (`round_to_bf16`). This doubles the variance of the rounding error, so the frozen
weights below an adapter, which do not change, are rounded to nearest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import torch

from bakeoff import native
from bakeoff.sections import RequestedPrecision
from bakeoff.training import sharding, torchrun

Precision = Literal["fp32", "bf16"]


def choose_device() -> torch.device:
    """Return the GPU if there is one (under torchrun each process has its own), otherwise the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", torchrun.local_rank()) if torchrun.world_size() > 1 else torch.device("cuda")


def computes_bf16_fast(device: torch.device) -> bool:
    """Return whether the hardware supports bf16 matrix products (GPU tensor cores, AVX-512 BF16, AMX, Arm BF16)."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        words = set(Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split())
    except OSError:  # not Linux: fp32 always works
        return False
    return bool(words & {"avx512_bf16", "amx_bf16", "bf16"})


def choose_precision(requested: RequestedPrecision, device: torch.device | None = None) -> Precision:
    """Resolve `auto` to bf16 where the hardware computes it fast and to fp32 elsewhere; keep other values."""
    if requested != "auto":
        return requested
    return "bf16" if computes_bf16_fast(device or choose_device()) else "fp32"


def cast_parameters(model: torch.nn.Module, dtype: torch.dtype) -> None:
    """Cast the parameters in place, but not the buffers: rotary frequencies in bf16 would shift every position."""
    for parameter in model.parameters():
        if parameter.dtype == torch.float32 and dtype == torch.bfloat16:
            image = torch.empty(parameter.shape, dtype=dtype, device=parameter.device)
            round_to_bf16(parameter.data, image)
            parameter.data = image
        elif parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)


def round_to_bf16(values: torch.Tensor, image: torch.Tensor) -> None:
    """Write `values` (fp32) into `image` (bf16, contiguous, the same shape), each rounded up or down at random.

    Stochastic rounding (Gupta et al. 2015): a value a quarter of the way to the next bf16 number is rounded to it with
    probability 1/4. The random numbers depend only on the position in the tensor, so the same values always give the
    same image, in any process.
    """
    random = noise(values.device)
    parts = zip(values.reshape(-1).split(len(random)), image.view(-1).split(len(random)), strict=True)
    for part, rounded in parts:
        # The upper 16 bits of an fp32 number are the bf16 number below it (in magnitude), the lower 16 the distance.
        bits = part.view(torch.int32) + random[: len(part)]
        rounded.copy_(bits.bitwise_and_(-(1 << 16)).view(torch.float32))


@functools.cache
def noise(device: torch.device) -> torch.Tensor:
    """Draw uniform integers from 0 to 65,535: as many as fit into a core's cache, or enough to keep a GPU busy.

    Their number is prime, so that no two rows of a matrix get the same ones.
    """
    length = 65_521 if device.type == "cpu" else 16_777_213
    return torch.randint(1 << 16, (length,), generator=torch.Generator().manual_seed(0), dtype=torch.int32).to(device)


class MasterWeights:
    """The trained parameters of a model in fp32.

    In fp32 the master weights are the model's own parameters. In bf16 the model gets rounded copies: each gradient is
    added to its master's fp32 gradient as soon as the backward pass has computed it (so that bf16 gradients neither
    accumulate rounding errors over micro-batches nor stay in memory), and `publish` rounds the masters into the model.
    """

    def __init__(self, model: torch.nn.Module, precision: Precision) -> None:
        self._trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self._copied = precision == "bf16"
        self.named: dict[str, torch.nn.Parameter] = self._trained
        self._without_gradient: set[torch.nn.Parameter] = set()
        if self._copied:
            self.named = {name: torch.nn.Parameter(weight.detach()) for name, weight in self._trained.items()}
            self._master_of = {weight: self.named[name] for name, weight in self._trained.items()}
            for frozen in model.parameters():
                if not frozen.requires_grad and frozen.is_floating_point():
                    frozen.data = frozen.data.to(torch.bfloat16)
            cast_parameters(model, torch.bfloat16)
            for name, weight in self._trained.items():
                weight.register_post_accumulate_grad_hook(_move_gradient(self.named[name], self._without_gradient))

    @property
    def sharded(self) -> bool:
        """Whether this process holds only its rows of them."""
        return any(map(sharding.is_sharded, self.named.values()))

    def zero_gradients(self) -> None:
        """Call before the first backward pass of a step."""
        for name, master in self.named.items():
            if self._copied:
                if master.grad is None:
                    master.grad = torch.empty_like(master)
                self._without_gradient.add(master)  # the memory is kept: allocating large blocks is slow
                self._trained[name].grad = None  # left over if a backward pass failed halfway
            else:
                master.grad = None

    def finish_gradients(self) -> None:
        """Call after the last backward pass of a step: sets the gradient of a weight that took no part in it to 0."""
        for master in self._without_gradient:
            master.grad = torch.zeros_like(master)
        self._without_gradient.clear()
        if self._copied:
            for weight in self._trained.values():
                weight.grad = None  # left over from an exchange between processes

    def copied_gradients(self, weights: Iterable[torch.nn.Parameter]) -> list[torch.Tensor]:
        """Return the gradients of some weights' masters, or nothing if the weights are their own masters."""
        if not self._copied:
            return []
        masters = [self._master_of[weight] for weight in weights]
        for master in self._without_gradient.intersection(masters):
            master.grad = torch.zeros_like(master)
            self._without_gradient.remove(master)
        return [master.grad for master in masters if master.grad is not None]

    def publish(self) -> None:
        """Round the master weights into the weights that the model computes with."""
        if self._copied:
            with torch.no_grad():
                for name, weight in self._trained.items():
                    round_to_bf16(self.named[name], weight.data)

    @property
    def rounded(self) -> dict[torch.nn.Parameter, torch.Tensor]:
        """The weights that the model computes with, by their masters; empty in fp32, where they are the same."""
        if not self._copied:
            return {}
        return {self.named[name]: weight.data for name, weight in self._trained.items()}

    def load(self, weights: dict[str, torch.Tensor]) -> None:
        """Set the master weights and the model to saved values.

        Raises:
            KeyError: a trained parameter is missing in `weights`.
        """
        with torch.no_grad():
            for name, master in self.named.items():
                master.copy_(weights[name])
        self.publish()

    def state(self) -> dict[str, torch.Tensor]:
        """Return the master weights in fp32, by parameter name. They share memory with the masters."""
        return {name: master.detach() for name, master in self.named.items()}


def _move_gradient(
    master: torch.nn.Parameter, without_gradient: set[torch.nn.Parameter]
) -> Callable[[torch.Tensor], None]:
    # The hook does not refer to the weight it is registered on: a reference cycle through a tensor may never be freed.
    def move(weight: torch.Tensor) -> None:
        if weight.grad is None:
            return
        if master in without_gradient:
            without_gradient.remove(master)
            assert master.grad is not None  # since `zero_gradients`
            master.grad.copy_(weight.grad)
        elif master.grad is not None:
            _add(master.grad, weight.grad)
        weight.grad = None

    return move


def _add(totals: torch.Tensor, values: torch.Tensor) -> None:
    """Add bf16 values to fp32 ones in place."""
    if native.fits(values) and totals.is_contiguous() and not sharding.is_sharded(values):
        native.run("add", totals, values, values.numel())
        return
    # In chunks: torch adds bf16 to fp32 through an fp32 copy, which should fit into the cache.
    for part, new in zip(totals.split(1024), values.split(1024), strict=True):
        part.add_(new)
