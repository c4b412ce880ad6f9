"""Where and how exactly to compute: the device, bf16 arithmetic, and fp32 master weights.

bf16 keeps 8 bits of mantissa: an update smaller than 1/256 of a weight is lost when it is added to a bf16 weight. So
the optimizer works on fp32 masters, and the model computes with their bf16 images ("mixed precision", Micikevicius et
al. 2018). Against autocast this saves casting every weight in every forward and backward pass.

Fine-tuning moves weights by less than that: rounded to the nearest bf16 number, as autocast rounds, most of them stay
where they were, and the model that computes has not learned what its masters have. So weights are rounded up as often
as their distance to the number below demands, which is right on average (`round_to_bf16`). It doubles the variance of
the error, so the frozen weights below an adapter, which have learned nothing, are rounded to the nearest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch

from bakeoff.sections import RequestedPrecision
from bakeoff.training import distributed

Precision = Literal["fp32", "bf16"]


def choose_device() -> torch.device:
    """The GPU if there is one (under torchrun each process has its own), otherwise the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", distributed.local_rank()) if distributed.world_size() > 1 else torch.device("cuda")


def computes_bf16_fast(device: torch.device) -> bool:
    """Whether matrix products in bf16 run on hardware of their own (GPU tensor cores, AVX-512 BF16, AMX, Arm BF16)."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        words = set(Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split())
    except OSError:  # not Linux: fp32 is always right
        return False
    return bool(words & {"avx512_bf16", "amx_bf16", "bf16"})


def choose_precision(requested: RequestedPrecision, device: torch.device | None = None) -> Precision:
    """`auto` becomes bf16 where the hardware computes it fast, fp32 elsewhere; other requests are granted."""
    if requested != "auto":
        return requested
    return "bf16" if computes_bf16_fast(device or choose_device()) else "fp32"


def cast_parameters(model: torch.nn.Module, dtype: torch.dtype) -> None:
    """Cast the parameters in place. Buffers stay: rotary frequencies in bf16 would shift every position."""
    for parameter in model.parameters():
        if parameter.dtype == torch.float32 and dtype == torch.bfloat16:
            image = torch.empty(parameter.shape, dtype=dtype, device=parameter.device)
            round_to_bf16(parameter.data, image)
            parameter.data = image
        elif parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)


def round_to_bf16(values: torch.Tensor, image: torch.Tensor) -> None:
    """Write `values` (fp32) into `image` (bf16, contiguous, the same shape), each rounded up or down at random.

    Stochastic rounding (Gupta et al. 2015): a number that lies a quarter of the way to the next one becomes that with a
    probability of one in four. The random numbers belong to the places in the tensor, so that the same values always
    give the same image, in another process, too.
    """
    noise = _noise(values.device)
    parts = zip(values.reshape(-1).split(len(noise)), image.view(-1).split(len(noise)), strict=True)
    for part, rounded in parts:
        # The upper half of an fp32 number is the bf16 number below it (in magnitude), the lower half the distance.
        bits = part.view(torch.int32) + noise[: len(part)]
        rounded.copy_(bits.bitwise_and_(-(1 << 16)).view(torch.float32))


@functools.cache
def _noise(device: torch.device) -> torch.Tensor:
    """Uniform from 0 to 65,535; as many as fit into a core's cache, but on a GPU enough to keep it busy.

    A prime number of them: no row of a matrix gets those of another one.
    """
    length = 65_521 if device.type == "cpu" else 16_777_213
    return torch.randint(1 << 16, (length,), generator=torch.Generator().manual_seed(0), dtype=torch.int32).to(device)


class MasterWeights:
    """The trained parameters of a model in fp32.

    In fp32 the masters are the model's own parameters. In bf16 the model gets rounded copies: each gradient is added to
    its master's fp32 gradient as soon as the backward pass has finished it (so that bf16 gradients neither add up their
    rounding errors over micro-batches nor stay in memory), and `publish` rounds the masters back into the model.
    """

    def __init__(self, model: torch.nn.Module, precision: Precision) -> None:
        self._trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self._copied = precision == "bf16"
        self.named: dict[str, torch.nn.Parameter] = self._trained
        self._without_gradient: set[torch.nn.Parameter] = set()
        if self._copied:
            self.named = {name: torch.nn.Parameter(weight.detach()) for name, weight in self._trained.items()}
            for frozen in model.parameters():
                if not frozen.requires_grad and frozen.is_floating_point():
                    frozen.data = frozen.data.to(torch.bfloat16)
            cast_parameters(model, torch.bfloat16)
            for name, weight in self._trained.items():
                weight.register_post_accumulate_grad_hook(_move_gradient(self.named[name], self._without_gradient))

    def zero_gradients(self) -> None:
        for name, master in self.named.items():
            if self._copied:
                if master.grad is None:
                    master.grad = torch.empty_like(master)
                self._without_gradient.add(master)  # the block stays: fresh large ones are slow to get
                self._trained[name].grad = None  # not moved yet, where a backward pass failed in the middle
            else:
                master.grad = None

    def finish_gradients(self) -> None:
        """Call after the last backward pass of a step: a weight that took no part in it has a gradient of zero."""
        for master in self._without_gradient:
            master.grad = torch.zeros_like(master)
        self._without_gradient.clear()

    def publish(self) -> None:
        """Round the masters into the weights that the model computes with."""
        if self._copied:
            with torch.no_grad():
                for name, weight in self._trained.items():
                    round_to_bf16(self.named[name], weight.data)

    def load(self, weights: dict[str, torch.Tensor]) -> None:
        """Set the masters (and the model) to saved values.

        Raises:
            KeyError: a trained parameter is missing in `weights`.
        """
        with torch.no_grad():
            for name, master in self.named.items():
                master.copy_(weights[name])
        self.publish()

    def state(self) -> dict[str, torch.Tensor]:
        return {name: master.detach() for name, master in self.named.items()}


def _move_gradient(
    master: torch.nn.Parameter, without_gradient: set[torch.nn.Parameter]
) -> Callable[[torch.Tensor], None]:
    # Knows nothing of the weight that it hangs on: a circle of references through a tensor might never be freed.
    def move(weight: torch.Tensor) -> None:
        if weight.grad is None:
            return
        if master in without_gradient:
            without_gradient.remove(master)
            assert master.grad is not None  # since `zero_gradients`
            master.grad.copy_(weight.grad)
        elif master.grad is not None:
            # In slabs: torch adds bf16 to fp32 through an fp32 copy, which should fit into the cache.
            for ours, new in zip(master.grad.split(1024), weight.grad.split(1024), strict=True):
                ours.add_(new)
        weight.grad = None

    return move
