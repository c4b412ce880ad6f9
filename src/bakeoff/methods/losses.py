"""Losses of the networks, in training and on the validation split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from bakeoff.data.types import LabeledTexts
from bakeoff.evaluation.classification import accuracy, log_loss
from bakeoff.evaluation.multilabel import label_losses
from bakeoff.evaluation.thresholds import best_micro_f1
from bakeoff.sections import ClassWeights
from bakeoff.training.learner import LossSum, Validation


def targets_of(texts: LabeledTexts) -> torch.Tensor:
    """Return class indices, shape (texts,), or where a text can have several labels 0 or 1, shape (texts, labels)."""
    if texts.label_sets is not None:
        return torch.from_numpy(texts.label_sets.astype(np.float32))
    return torch.tensor(texts.labels)


def class_weights(rule: ClassWeights, train: LabeledTexts, classes: int) -> torch.Tensor | None:
    """Return the weight of a text of each class, shape (classes,), or None if all texts weigh the same.

    Where a text can have several labels: the weights of texts without a label and of those with it, shape (2, classes).
    """
    if rule == "none":
        return None
    if train.label_sets is not None:
        shares = torch.from_numpy(train.label_sets.mean(axis=0)).float()  # neither 0 nor 1
        return 0.5 / torch.stack([1 - shares, shares])
    labels: Sequence[int] = train.labels
    return torch.tensor(compute_class_weight(rule, classes=np.arange(classes), y=labels), dtype=torch.float32)


def training_loss(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None) -> LossSum:
    """Return the summed cross-entropy of some texts, and how many are classified correctly.

    Where a text can have several labels, its loss is the mean over them of the binary cross-entropy.

    Args:
        logits: Shape (texts, classes).
        labels: As returned by `targets_of`.
        weights: As returned by `class_weights`.
    """
    labels = labels.to(logits.device)
    if labels.dim() == 2:
        weighing = None
        if weights is not None:
            without, having = weights.to(logits.device)
            weighing = torch.where(labels > 0, having, without)
        losses = F.binary_cross_entropy_with_logits(logits, labels, weight=weighing, reduction="sum")
        return LossSum(losses / logits.shape[1])
    return LossSum(
        F.cross_entropy(logits, labels, weight=None if weights is None else weights.to(logits.device), reduction="sum"),
        correct=int((logits.argmax(dim=1) == labels).sum()),
    )


def validation_of(texts: LabeledTexts, probabilities: npt.NDArray[np.float64]) -> Validation:
    """Return loss and accuracy of probabilities, shape (texts, classes). Class weights do not count here.

    Where a text can have several labels: the highest micro-F1 that one threshold for all labels reaches, because their
    own thresholds are chosen at the end.
    """
    if texts.label_sets is not None:
        loss = float(label_losses(texts.label_sets, probabilities).mean())
        return Validation(loss, best_micro_f1(texts.label_sets, probabilities), "micro-F1")
    labels = texts.labels
    return Validation(log_loss(labels, probabilities), accuracy(labels, probabilities.argmax(axis=1)))
