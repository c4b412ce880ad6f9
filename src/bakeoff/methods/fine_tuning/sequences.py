"""The training sequences of a language model: blocks cut from joined documents, lines on their own, or examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bakeoff.data.types import Corpus
from bakeoff.lm.batching import TokenBatch, batches_of_rows, pack_rows, pad_rows
from bakeoff.lm.examples import example_tokens, training_rows
from bakeoff.lm.scoring_plan import Row
from bakeoff.lm.tokens import beginning_token, end_token, tokenize


def blocks(tokenizer: Any, corpus: Corpus, size: int) -> list[Row]:
    """Documents joined by end-of-text and cut into blocks; what remains at the end is a shorter block.

    The first document begins as under protocol `document`, and every later token of the stream is predicted exactly
    once: the last input of a block predicts the first of the next one.

    Raises:
        UserError: the tokenizer has neither a beginning-of-text nor an end-of-text token.
    """
    needed = ("Training on blocks, which joins documents,", "Set `sequences: lines` for this contestant")
    beginning, end = beginning_token(tokenizer, *needed), end_token(tokenizer, *needed)
    # Where BOS and EOS are one token (GPT-2), it both ends a document and begins the next.
    between = [end] if beginning == end else [end, beginning]
    parts: list[Any] = [[beginning]]
    texts = [document.text for document in corpus.documents]
    for tokens in tokenize(tokenizer, texts, special_tokens=False, split=corpus.split_special_tokens):
        parts += [tokens.ids, between]
    stream = np.concatenate(parts).astype(np.int64)[: None if beginning == end else -1]
    return [
        Row(stream[start : min(start + size, len(stream) - 1)], stream[start + 1 : start + 1 + size])
        for start in range(0, len(stream) - 1, size)
    ]


def lines(tokenizer: Any, corpus: Corpus, size: int) -> list[Row]:
    """Every line on its own, cut to `size` tokens; its first token is not predicted, so a single one is left out."""
    return [
        Row(ids, ids[1:], np.arange(len(ids) - 1))
        for tokens in tokenize(tokenizer, corpus.lines, special_tokens=True, split=corpus.split_special_tokens)
        if len(ids := tokens.ids[:size]) >= 2
    ]


def cut_lines_note(rows: Sequence[Row], size: int) -> list[str]:
    """Return a sentence about the training lines that `lines` has cut to `size` tokens, or none."""
    long = sum(len(row.inputs) == size for row in rows)
    if not long:
        return []
    return [f"{long:,} of {len(rows):,} training lines have {size:,} tokens or more. What is beyond was cut."]


def examples(tokenizer: Any, corpus: Corpus, size: int) -> list[Row]:
    """Every example on its own, of which the answers and their ends are predicted; of a long one, the beginning is cut.

    Raises:
        UserError: the tokenizer has no end-of-text token.
    """
    return training_rows(example_tokens(tokenizer, corpus), size)


def batch_blocks(rows: Sequence[Row], most_tokens: int) -> list[TokenBatch]:
    """Micro-batches of at most so many tokens (or one block); a shorter block is not padded but goes on its own."""
    longest = max(len(row.inputs) for row in rows)
    whole = [row for row in rows if len(row.inputs) == longest]
    parts = _divided(whole, lambda row: longest, most_tokens) + [[row] for row in rows if len(row.inputs) < longest]
    return [pad_rows(part) for part in parts]


def batch_packed(rows: Sequence[Row], most_tokens: int) -> list[TokenBatch]:
    """Micro-batches of lines or examples one after the other, of at most so many tokens (or one of them)."""
    return [pack_rows(part) for part in _divided(rows, lambda row: len(row.inputs), most_tokens)]


def batch_padded(rows: Sequence[Row], most_tokens: int) -> list[TokenBatch]:
    """Micro-batches of rows side by side, for models that cannot keep those of a packed row apart."""
    return [batch for _, batch in batches_of_rows(rows, most_tokens)]


def _divided(rows: Sequence[Row], tokens: Callable[[Row], int], most_tokens: int) -> list[list[Row]]:
    """Rows in order, as many together as `most_tokens` allows."""
    parts: list[list[Row]] = []
    room = 0
    for row in rows:
        if tokens(row) > room or not parts:
            parts.append([])
            room = most_tokens
        parts[-1].append(row)
        room -= tokens(row)
    return parts


KINDS = {"blocks": (blocks, batch_blocks), "lines": (lines, batch_packed), "examples": (examples, batch_packed)}
"""For each kind of sequences, how a corpus is cut into them, and how they become micro-batches."""
