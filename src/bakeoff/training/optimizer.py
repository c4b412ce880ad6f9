"""The optimizer of every method that learns by gradient descent."""

from __future__ import annotations

import math
from typing import Any

import torch

from bakeoff import native
from bakeoff.training.learner import TrainingSettings
from bakeoff.training.precision import MasterWeights, noise


def adamw(weights: MasterWeights, settings: TrainingSettings) -> torch.optim.AdamW:
    """Make an AdamW optimizer (Loshchilov and Hutter 2019). Vectors (biases, norms) have no weight decay."""
    groups: dict[tuple[bool, float], list[torch.nn.Parameter]] = {}
    for name, weight in weights.named.items():
        groups.setdefault((weight.dim() >= 2, settings.rate_multipliers.get(name, 1.0)), []).append(weight)
    return torch.optim.AdamW(
        [
            {"params": params, "weight_decay": settings.weight_decay if decayed else 0.0, "rate_multiplier": multiplier}
            for (decayed, multiplier), params in groups.items()
        ],
        lr=settings.learning_rate,
        fused=True,
    )


def update(weights: MasterWeights, optimizer: torch.optim.AdamW, gradient_clip: float | None) -> None:
    """Clip the gradients to a norm, take a step, and round the master weights into the model.

    Where native.c is compiled, each weight and its averages are read once for all of that.
    """
    rounded = weights.rounded
    if not rounded or not native.fits(*rounded.values()) or not all(weight.is_contiguous() for weight in rounded):
        if gradient_clip is not None:
            torch.nn.utils.clip_grad_norm_(list(weights.named.values()), gradient_clip)
        optimizer.step()
        weights.publish()
        return
    factor = 1.0
    if gradient_clip is not None:
        norm = torch.nn.utils.get_total_norm([weight.grad for weight in rounded if weight.grad is not None])
        factor = min(1.0, gradient_clip / (float(norm) + 1e-6))
    for group in optimizer.param_groups:
        for weight in group["params"]:
            state = optimizer.state[weight]
            state["step"] += 1
            _update(weight, rounded[weight], group, state, factor)


def _update(
    weight: torch.Tensor, image: torch.Tensor, group: dict[str, Any], state: dict[str, Any], factor: float
) -> None:
    """Do for one weight what `update` does."""
    random = noise(weight.device)
    first, second = group["betas"]
    taken = float(state["step"])
    native.run(
        "adamw",
        weight.detach(),
        weight.grad,
        state["exp_avg"],
        state["exp_avg_sq"],
        image,
        random,
        len(random),
        weight.numel(),
        factor,
        float(group["lr"]),
        float(group["weight_decay"]),
        second,
        1 - first,
        1 - second,
        float(group["eps"]),
        1 - first**taken,
        math.sqrt(1 - second**taken),
    )


def allocate_averages(optimizer: torch.optim.AdamW) -> None:
    """Allocate AdamW's moving averages where they are missing, as its first step would.

    If they were allocated after the first backward pass, they would take the memory of its activations, and the second
    step would have to allocate new memory for its own.
    """
    for group in optimizer.param_groups:
        for weight in group["params"]:
            if not optimizer.state[weight]:
                optimizer.state[weight] = {
                    "step": torch.zeros((), device=weight.device),
                    "exp_avg": torch.zeros_like(weight, memory_format=torch.preserve_format),
                    "exp_avg_sq": torch.zeros_like(weight, memory_format=torch.preserve_format),
                }
