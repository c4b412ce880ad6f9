from __future__ import annotations

import math

import numpy as np
import pytest

from bakeoff.evaluation.documents import DocumentLoss, by_document, by_length, document_losses
from tests.evaluation.test_verdict import modelled


def test_pieces_of_a_document_are_added_up():
    losses = document_losses(modelled(np.array([2.0, 3.0]), pieces=3), "window(context=64, stride=32)")

    assert losses == {"d0": DocumentLoss(300.0, 150), "d1": DocumentLoss(450.0, 150)}
    assert document_losses(modelled(np.array([2.0]), protocol="lab"), "lab")["d0"].tokens == 51


def test_perplexities_of_documents_and_of_groups_by_hand():
    a = {"long": DocumentLoss(200.0, 100), "short": DocumentLoss(10.0, 10), "middle": DocumentLoss(60.0, 20)}
    b = {name: DocumentLoss(loss.nats / 2, loss.tokens) for name, loss in a.items()}

    first, second = by_length([a, b], groups=2)
    assert (first.documents, first.shortest, first.longest) == (["short", "middle"], 10, 20)
    assert first.perplexities == pytest.approx([math.exp(70 / 30), math.exp(35 / 30)])
    assert (second.documents, second.tokens) == (["long"], 100)
    assert [group.spread for group in by_document([a, b])] == pytest.approx([1.0, 0.5, 1.5])


def test_each_contestant_has_its_own_tokens():
    (group,) = by_document([{"d": DocumentLoss(60.0, 20)}, {"d": DocumentLoss(60.0, 30)}])

    assert group.perplexities == pytest.approx([math.exp(3), math.exp(2)])


def test_there_are_no_more_groups_than_documents():
    assert len(by_length([{"only": DocumentLoss(1.0, 1)}], groups=4)) == 1
