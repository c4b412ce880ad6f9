"""The optimiser of every contestant that learns by gradient descent."""

from __future__ import annotations

import torch

from bakeoff.training.precision import MasterWeights
from bakeoff.training.task import TrainingSettings


def adamw(weights: MasterWeights, settings: TrainingSettings) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019). Vectors (biases, norms) are not decayed."""
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
