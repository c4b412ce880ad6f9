"""Splitting a batch loses nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.lm.batching import pack_rows, pad_rows
from bakeoff.lm.scoring_plan import Row
from tests.lm.conftest import pack_texts

LENGTHS = st.lists(st.integers(2, 20), min_size=1, max_size=8)
KINDS = {
    "packed": pack_texts,
    "rows packed": lambda texts: pack_rows([Row(text[:-1], text[1:]) for text in texts]),
    "rows packed, after context": lambda texts: pack_rows([Row(text[:-1], text[-1:]) for text in texts]),
    "padded": lambda texts: pad_rows([Row(text[:-1], text[1:]) for text in texts]),
    "padded, after context": lambda texts: pad_rows([Row(text[:-1], text[-1:]) for text in texts]),
}


def some_batch(kind: str, lengths: list[int]):
    random = np.random.default_rng(0)
    return KINDS[kind]([random.integers(3, 512, length) for length in lengths])


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None)
@given(lengths=LENGTHS, parts=st.integers(1, 5))
def test_parts_make_up_the_whole(stories, kind, lengths, parts):
    batch = some_batch(kind, lengths)

    pieces = batch.split(parts)

    assert 1 <= len(pieces) <= parts
    assert sum(piece.tokens for piece in pieces) == batch.tokens
    assert torch.equal(torch.cat([piece.targets for piece in pieces]), batch.targets)
    assert torch.equal(torch.cat([piece.input_ids.flatten() for piece in pieces]), batch.input_ids.flatten())
    losses = torch.cat([stories.forward.losses(piece) for piece in pieces])
    torch.testing.assert_close(losses, stories.forward.losses(batch), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_parts_are_of_about_the_same_size(kind):
    assert [part.tokens for part in some_batch(kind, [13] * 4).split(2)] == [26 if kind == "packed" else 24] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_text_stays_whole(kind):
    (part,) = some_batch(kind, [9]).split(4)

    assert part.count == some_batch(kind, [9]).count
