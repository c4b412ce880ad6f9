"""Losses of the networks, in training and on the validation split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from bakeoff.evaluation.classification import accuracy, log_loss
from bakeoff.sections import ClassWeights
from bakeoff.training.learner import LossSum, Validation


def class_weights(rule: ClassWeights, labels: Sequence[int], classes: int) -> torch.Tensor | None:
    """Return the weight of a text of each class, shape (classes,), or None if all texts weigh the same."""
    if rule == "none":
        return None
    return torch.tensor(compute_class_weight(rule, classes=np.arange(classes), y=labels), dtype=torch.float32)


def training_loss(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None) -> LossSum:
    """Return the summed cross-entropy of some texts, and how many are classified correctly.

    Args:
        logits: Shape (texts, classes).
        labels: Class indices, shape (texts,).
        weights: As returned by `class_weights`.
    """
    labels = labels.to(logits.device)
    return LossSum(
        F.cross_entropy(logits, labels, weight=None if weights is None else weights.to(logits.device), reduction="sum"),
        correct=int((logits.argmax(dim=1) == labels).sum()),
    )


def validation_of(labels: Sequence[int], probabilities: npt.NDArray[np.float64]) -> Validation:
    """Return loss and accuracy of probabilities, shape (texts, classes). Class weights do not count here."""
    return Validation(log_loss(labels, probabilities), accuracy(labels, probabilities.argmax(axis=1)))
