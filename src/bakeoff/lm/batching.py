"""Rows of tokens to batches, with next to no padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from bakeoff.lm.forward import TokenBatch
from bakeoff.lm.protocols import Row
from bakeoff.lm.tokens import Ids

MOST_PADDING = 0.1
"""Largest share of a batch that may be padding."""


def batches_of_rows(rows: Sequence[Row], batch_tokens: int) -> Iterator[tuple[list[int], TokenBatch]]:
    """Rows of similar length together, the longest first; rows without targets are left out.

    Yields:
        The numbers of the rows of a batch, and the batch; its targets stand in the order of the numbers.
    """
    waiting: list[int] = []
    tokens = 0
    for number in sorted(range(len(rows)), key=lambda number: -len(rows[number].inputs)):
        if not len(rows[number].targets):
            continue
        length = len(rows[number].inputs)
        padded = (len(waiting) + 1) * (len(rows[waiting[0]].inputs) if waiting else length)
        if waiting and (padded > batch_tokens or padded - tokens - length > MOST_PADDING * padded):
            yield waiting, pad_rows([rows[each] for each in waiting])
            waiting, tokens = [], 0
        waiting.append(number)
        tokens += length
    if waiting:
        yield waiting, pad_rows([rows[each] for each in waiting])


def pad_rows(rows: Sequence[Row]) -> TokenBatch:
    """Rows side by side, padded on the right up to the longest."""
    length = max(len(row.inputs) for row in rows)
    ids = np.zeros((len(rows), length), dtype=np.int64)
    predicted = []
    for number, row in enumerate(rows):
        ids[number, : len(row.inputs)] = row.inputs
        predicted.append(number * length + np.arange(len(row.inputs) - len(row.targets), len(row.inputs)))
    return TokenBatch(
        torch.from_numpy(ids),
        torch.from_numpy(np.concatenate(predicted)),
        torch.from_numpy(np.concatenate([row.targets for row in rows])),
        tokens=sum(len(row.inputs) for row in rows),
    )


def pack_texts(texts: Sequence[Ids]) -> TokenBatch:
    """Texts behind one another in a single row, each predicted from itself alone, without any padding.

    The first token of a text is not predicted.
    """
    ends = np.cumsum([len(text) for text in texts])
    ids = np.concatenate(texts)
    inner = np.ones(len(ids), dtype=bool)
    inner[ends - 1] = False  # the last token of a text predicts nothing
    predicted = np.flatnonzero(inner)
    return TokenBatch(
        torch.from_numpy(ids)[None],
        torch.from_numpy(predicted),
        torch.from_numpy(ids[predicted + 1]),
        tokens=len(ids),
        position_ids=torch.from_numpy(np.concatenate([np.arange(len(text)) for text in texts]))[None],
    )
