"""Cutting, padding and batching."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.methods.encoded import EncodedTexts, batches_by_length, padding_share, shuffled_batches

TEXTS = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=12), min_size=1, max_size=10)


def encoded(texts: list[list[int]]) -> EncodedTexts:
    return EncodedTexts.from_lengths(
        np.array([number for text in texts for number in text], dtype=np.int32),
        np.array([len(text) for text in texts], dtype=np.int64),
    )


def decoded(texts: EncodedTexts) -> list[list[int]]:
    return [part.tolist() for part in np.split(texts.ids, texts.offsets[1:-1])]


@given(TEXTS, st.integers(1, 12))
def test_head_keeps_the_first_words(texts, length):
    assert decoded(encoded(texts).cut(length, "head")) == [text[:length] for text in texts]


@given(TEXTS, st.integers(1, 12))
def test_head_and_tail_keep_half_from_each_end(texts, length):
    tail = length // 2
    expected = [t if len(t) <= length else t[: length - tail] + t[len(t) - tail :] for t in texts]

    assert decoded(encoded(texts).cut(length, "head_tail")) == expected


@given(TEXTS, st.integers(1, 12))
def test_pieces_of_a_text_are_few_and_of_nearly_equal_length(texts, length):
    pieces = iter(decoded(encoded(texts).pieces(length)))

    for text in texts:
        own = [next(pieces) for _ in range(-(-len(text) // length))]
        assert [word for piece in own for word in piece] == text
        sizes = [len(piece) for piece in own]
        assert max(sizes) <= length
        assert max(sizes) - min(sizes) <= 1
    assert list(pieces) == []


@given(TEXTS, st.data())
def test_padded_rows_hold_the_texts_and_zeros_on_the_right(texts, data):
    rows = data.draw(st.lists(st.integers(0, len(texts) - 1), min_size=1, max_size=6))

    words, lengths = encoded(texts).padded(np.array(rows))

    width = max(len(texts[row]) for row in rows)
    assert lengths.tolist() == [len(texts[row]) for row in rows]
    assert words.tolist() == [texts[row] + [0] * (width - len(texts[row])) for row in rows]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=300), st.integers(1, 64), st.integers(1, 3))
def test_every_epoch_holds_every_text_once_in_the_same_number_of_batches(lengths, batch_size, epoch):
    lengths = np.array(lengths)

    batches = shuffled_batches(lengths, batch_size, 7, epoch)

    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // batch_size)
    assert max(map(len, batches)) <= batch_size
    again = shuffled_batches(lengths, batch_size, 7, epoch)
    assert all((one == other).all() for one, other in zip(batches, again, strict=True))


def test_epochs_and_seeds_differ():
    lengths = np.full(64, 5)
    orders = {
        tuple(np.concatenate(shuffled_batches(lengths, 8, seed, epoch)).tolist()) for seed in (1, 2) for epoch in (1, 2)
    }

    assert len(orders) == 4


def test_padding_is_next_to_nothing():
    lengths = np.minimum(np.random.default_rng(0).lognormal(5.2, 0.6, 8000).astype(np.int64) + 1, 400)

    assert padding_share(lengths, shuffled_batches(lengths, 64, 1, 1)) < 0.015
    assert padding_share(lengths, batches_by_length(lengths, 128)) < 0.015


def test_padding_share_counts_positions():
    assert padding_share(np.array([1, 3]), [np.array([0, 1])]) == pytest.approx(2 / 6)
