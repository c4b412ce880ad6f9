"""The optimizer of every method that learns by gradient descent."""

from __future__ import annotations

import torch

from bakeoff.training.learner import TrainingSettings
from bakeoff.training.precision import MasterWeights


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
