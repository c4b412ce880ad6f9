"""What a text of each class weighs in the training loss of a network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.utils.class_weight import compute_class_weight

from bakeoff.spec.schema import ClassWeights


def loss_weights(rule: ClassWeights, labels: Sequence[int], classes: int) -> torch.Tensor | None:
    """A weight a class, shape (classes,), as `cross_entropy` takes them; None where all texts weigh the same."""
    if rule == "none":
        return None
    return torch.tensor(compute_class_weight(rule, classes=np.arange(classes), y=labels), dtype=torch.float32)
