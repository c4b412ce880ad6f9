"""Pairs of texts of the same and of different classes, and the loss of their similarities."""

from __future__ import annotations

import numpy as np
import torch

from bakeoff.methods.encoded import Rows
from bakeoff.training.learner import LossSum


def draw_batches(labels: Rows, batch_size: int, seed: int, epoch: int) -> list[Rows]:
    """Return batches in which most classes have several texts, so that there are pairs of both kinds.

    Every text is in one batch of an epoch, and meets other texts in every epoch. The sizes differ by at most one text.

    Args:
        labels: Class indices, shape (texts,).
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


def pair_loss(vectors: torch.Tensor, labels: torch.Tensor) -> LossSum:
    """Return the squared error of the cosine similarities of all pairs, times the number of texts.

    The similarity should be 1 within a class and 0 between classes (Tunstall et al. 2022). Both kinds of pairs weigh
    the same, however many there are, as if the rarer kind was oversampled. A text counts as correct if the text most
    similar to it is of its class.

    Args:
        vectors: Of any length, shape (texts, values).
        labels: Class indices, shape (texts,).
    """
    unit = torch.nn.functional.normalize(vectors, dim=1)
    similarities = unit @ unit.t()
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    same = labels[:, None] == labels[None]
    kinds = [(1 - similarities[same & ~itself]).square(), similarities[~same].square()]
    means = [errors.mean() for errors in kinds if errors.numel()]
    if not means:  # a single text
        return LossSum(similarities.sum() * 0, correct=len(labels))
    nearest = similarities.detach().masked_fill(itself, -2.0).argmax(dim=1)
    return LossSum(torch.stack(means).mean() * len(labels), correct=int((labels[nearest] == labels).sum()))
