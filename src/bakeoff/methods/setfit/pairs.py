"""Pairs of texts of the same and of different classes, and the loss of their similarities."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from bakeoff.methods.encoded import Rows
from bakeoff.training.learner import LossSum


def draw_batches(labels: Rows, batch_size: int, seed: int, epoch: int) -> list[Rows]:
    """Return batches in which most classes have several texts, so that there are pairs of both kinds.

    Every text is in one batch of an epoch, and meets other texts in every epoch. The sizes differ by at most one text.

    Args:
        labels: Class indices, shape (texts,). Where a text can have several labels: as of `rarest_labels`.
    """
    random = np.random.default_rng([seed, epoch])
    classes = np.unique(labels)
    together = max(2, batch_size // len(classes))  # texts of a class that go into the same batch
    placed: list[tuple[float, Rows]] = []
    for label in classes:
        rows = random.permutation(np.flatnonzero(labels == label))
        groups = np.array_split(rows, -(-len(rows) // together))
        # Evenly over the epoch, or the last batches would have texts of the largest class only.
        placed += [((number + random.random()) / len(groups), group) for number, group in enumerate(groups)]
    order = np.concatenate([group for _, group in sorted(placed, key=lambda place: place[0])])
    batches = np.array_split(order, -(-len(order) // batch_size))
    return [batches[index] for index in random.permutation(len(batches))]


def rarest_labels(label_sets: npt.NDArray[np.bool_]) -> Rows:
    """Return for each text the rarest of its labels, shape (texts,); the number of labels for a text without any.

    Args:
        label_sets: Shape (texts, labels).
    """
    order = np.argsort(label_sets.sum(axis=0), kind="stable")
    first = label_sets[:, order].argmax(axis=1)
    return np.asarray(np.where(label_sets.any(axis=1), order[first], label_sets.shape[1]), dtype=np.int64)


def _share_a_label(labels: torch.Tensor) -> torch.Tensor:
    without = labels.sum(dim=1) == 0
    return (labels @ labels.t() > 0) | (without[:, None] & without[None])


def pair_loss(vectors: torch.Tensor, labels: torch.Tensor) -> LossSum:
    """Return the squared error of the cosine similarities of all pairs, times the number of texts.

    The similarity should be 1 within a class and 0 between classes (Tunstall et al. 2022). Both kinds of pairs weigh
    the same, however many there are, as if the rarer kind was oversampled. A text counts as correct if the text most
    similar to it is of its class.

    Args:
        vectors: Of any length, shape (texts, values).
        labels: Class indices, shape (texts,). Or 0 and 1, shape (texts, labels), where a text can have several: then
            two texts are of a class if they share a label, or if both have none.
    """
    unit = torch.nn.functional.normalize(vectors, dim=1)
    similarities = unit @ unit.t()
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    same = labels[:, None] == labels[None] if labels.dim() == 1 else _share_a_label(labels)
    kinds = [(1 - similarities[same & ~itself]).square(), similarities[~same].square()]
    means = [errors.mean() for errors in kinds if errors.numel()]
    if not means:  # a single text
        return LossSum(similarities.sum() * 0, correct=len(labels))
    nearest = similarities.detach().masked_fill(itself, -2.0).argmax(dim=1)
    return LossSum(torch.stack(means).mean() * len(labels), correct=int(same[torch.arange(len(labels)), nearest].sum()))
