"""Batches have pairs of both kinds, and the loss weighs them alike."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from bakeoff.methods.setfit.pairs import draw_batches, pair_loss


@pytest.mark.parametrize("classes", [2, 3, 40])
def test_every_text_is_in_one_batch_and_has_others_of_its_class_beside_it(classes):
    labels = np.arange(8 * classes) % classes

    batches = draw_batches(labels, 16, seed=1, epoch=1)

    assert sorted(np.concatenate(batches).tolist()) == list(range(8 * classes))
    for batch in batches:
        counts = Counter(labels[batch].tolist())
        assert len(counts) >= 2
        assert sum(count for count in counts.values() if count >= 2) >= len(batch) - 2  # a group may be cut in two


def test_a_rare_class_is_spread_over_the_epoch():
    labels = np.array([0] * 90 + [1] * 10)

    batches = draw_batches(labels, 10, seed=1, epoch=1)

    assert sum((labels[batch] == 1).any() for batch in batches) >= 2
    assert {len(batch) for batch in batches} == {10}


def test_batches_depend_on_the_seed_and_the_epoch_alone():
    labels = np.arange(64) % 2

    def drawn(seed, epoch):
        return [batch.tolist() for batch in draw_batches(labels, 16, seed, epoch)]

    assert drawn(1, 1) == drawn(1, 1)
    assert drawn(1, 1) != drawn(1, 2) != drawn(2, 2)


def test_the_loss_is_that_of_all_pairs_with_both_kinds_of_equal_weight():
    torch.manual_seed(1)
    vectors, labels = torch.randn(5, 3), torch.tensor([0, 0, 0, 1, 1])
    errors = {True: [], False: []}
    for one in range(5):
        for other in range(one):
            similarity = float(torch.cosine_similarity(vectors[one], vectors[other], dim=0))
            same = bool(labels[one] == labels[other])
            errors[same].append((similarity - same) ** 2)

    loss = pair_loss(vectors, labels)

    assert float(loss.total) == pytest.approx(5 * (np.mean(errors[True]) + np.mean(errors[False])) / 2, rel=1e-5)


def test_classes_that_lie_apart_have_no_loss():
    loss = pair_loss(torch.tensor([[1.0, 0], [2, 0], [0, 3], [0, 1]]), torch.tensor([0, 0, 1, 1]))

    assert float(loss.total) == pytest.approx(0, abs=1e-6)
    assert loss.correct == 4


def test_a_single_text_has_no_pairs_and_no_gradient():
    vectors = torch.randn(1, 3, requires_grad=True)

    pair_loss(vectors, torch.tensor([0])).total.backward()

    assert vectors.grad is not None
    assert vectors.grad.abs().max() == 0
