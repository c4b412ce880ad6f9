"""What is trained on: every token of the documents once, lines apart, nothing padded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.methods.fine_tuning import sequences
from tests.lm.conftest import ARTICLES, corpus_of

WORDS = st.lists(st.sampled_from(["the ", "cat ", "\n", "süß ", "ran. "]), min_size=1, max_size=60).map("".join)


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(WORDS, min_size=1, max_size=4), size=st.integers(1, 50))
def test_blocks_predict_every_token_once_in_order(stories, texts, size):
    corpus = corpus_of({str(number): text for number, text in enumerate(texts)})
    stream = [1]  # BOS document EOS BOS document EOS
    for number, text in enumerate(texts):
        stream += [1] * (number > 0) + stories.tokenizer(text)["input_ids"] + [2]

    rows = sequences.blocks(stories.tokenizer, corpus, size)

    assert np.concatenate([row.targets for row in rows]).tolist() == stream[1:]
    assert np.concatenate([row.inputs for row in rows]).tolist() == stream[:-1]
    assert {len(row.inputs) for row in rows[:-1]} <= {size}
    assert all(len(row.inputs) == len(row.targets) for row in rows)


def test_where_bos_is_eos_it_stands_once_between_documents(stories, monkeypatch):
    monkeypatch.setattr(type(stories.tokenizer), "bos_token_id", 2, raising=False)
    (row,) = sequences.blocks(stories.tokenizer, corpus_of({"a": "cat", "b": "dog"}), 512)
    cat, dog = (stories.tokenizer(text)["input_ids"] for text in ("cat", "dog"))

    assert row.inputs.tolist() == [2, *cat, 2, *dog]
    assert row.targets.tolist() == [*cat, 2, *dog, 2]


def test_lines_leave_out_blank_ones_and_are_cut(stories, corpus):
    rows = sequences.lines(stories.tokenizer, corpus, 16)
    expected = [stories.tokenizer(line)["input_ids"][:16] for line in corpus.lines if line]

    assert [row.inputs.tolist() for row in rows] == expected


@pytest.mark.parametrize(("cut", "batch"), [(sequences.blocks, sequences.batch_blocks),
                                            (sequences.lines, sequences.batch_packed)])  # fmt: skip
def test_batches_hold_no_padding_and_stay_small(stories, cut, batch):
    rows = cut(stories.tokenizer, corpus_of(ARTICLES), 40)

    batches = batch(rows, 100)

    assert all(each.input_ids.numel() == each.tokens <= 100 for each in batches)
    assert sum(each.tokens for each in batches) == sum(len(row.inputs) for row in rows)
    assert sum(each.count for each in batches) == sum(len(row.targets) for row in rows)
