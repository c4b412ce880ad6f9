"""Put rows of tokens into batches with little padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import torch

from bakeoff.lm.scoring_plan import Row

MOST_PADDING = 0.1
"""Largest share of padding in a batch."""

WORTH_SHARING = 16
"""Tokens that all rows must begin with to be computed only once in a batch."""


@dataclass(frozen=True)
class TokenBatch:
    """Rows that go through the model at once, and the tokens to predict in them.

    There is no attention mask: a causal model never looks to the right, so padding there changes nothing. Rows that
    hold several texts have `position_ids` that restart at 0 with each text; transformers keeps such texts apart. Where
    they restart at n, the first n tokens of the row are the beginning of each of its texts (see `pack_rows`).
    """

    input_ids: torch.Tensor  # int64, shape (rows, length)
    predicted: torch.Tensor  # positions in the flattened rows whose next token is predicted, int64, shape (targets,)
    targets: torch.Tensor  # those next tokens, int64, shape (targets,)
    tokens: int  # tokens in the rows, without padding
    position_ids: torch.Tensor | None = None  # int64, shape (rows, length)

    @property
    def count(self) -> int:
        return len(self.targets)

    def split(self, parts: int) -> list[TokenBatch]:
        """Divide the batch into at most `parts` batches of about the same size, keeping the order of the rows.

        Rows with several texts are divided between texts; a batch of a single row or text, or of texts with a common
        beginning, stays whole.
        """
        rows, length = self.input_ids.shape
        if self.position_ids is None:
            edges = torch.arange(rows + 1) * length
        else:
            starts = torch.nonzero(self.position_ids.flatten() == 0).flatten().cpu()
            edges = torch.cat([starts, torch.tensor([rows * length])])
        even_cuts = torch.linspace(0, rows * length, parts + 1)
        cuts = edges[(edges[:, None] - even_cuts).abs().argmin(dim=0)].unique().tolist()
        return [self._part(first, last) for first, last in pairwise(cuts)]

    def _part(self, first: int, last: int) -> TokenBatch:
        """Return the rows or texts between two positions of the flattened rows, each the start of a row or text."""
        inside = (self.predicted >= first) & (self.predicted < last)
        predicted, targets = self.predicted[inside] - first, self.targets[inside]
        ids = self.input_ids.flatten()[first:last]
        if self.position_ids is not None:
            return TokenBatch(
                ids[None], predicted, targets, last - first, self.position_ids.flatten()[first:last][None]
            )
        length = self.input_ids.shape[1]
        # Everything after the last token that predicts is padding.
        ends = ids.new_zeros((last - first) // length)
        ends.scatter_reduce_(0, predicted // length, predicted % length + 1, "amax")
        return TokenBatch(ids.view(-1, length), predicted, targets, int(ends.sum()))

    def to(self, device: torch.device) -> TokenBatch:
        if device == self.input_ids.device:
            return self
        positions = None if self.position_ids is None else self.position_ids.to(device)
        return TokenBatch(
            self.input_ids.to(device), self.predicted.to(device), self.targets.to(device), self.tokens, positions
        )


def batches_of_rows(
    rows: Sequence[Row], batch_tokens: int, *, packed: bool = False, shared: int = 0
) -> Iterator[tuple[list[int], TokenBatch]]:
    """Put rows into batches, longest rows first, leaving out rows without targets.

    Args:
        batch_tokens: Most tokens in a batch; a longer row is a batch of its own.
        packed: Put rows one after the other into a single row. Otherwise pad them side by side, only rows of similar
            length together, so that many short rows make small batches.
        shared: Packed rows have this many first tokens in common, which are computed once for a batch.

    Yields:
        The indices of a batch's rows, and the batch, with its targets in the order of the indices.
    """
    join = partial(pack_rows, shared=shared) if packed else pad_rows
    waiting: list[int] = []
    tokens = shared
    for index in sorted(range(len(rows)), key=lambda index: -len(rows[index].inputs)):
        if not len(rows[index].targets):
            continue
        length = len(rows[index].inputs) - shared
        real = tokens + length
        computed = real if packed or not waiting else (len(waiting) + 1) * len(rows[waiting[0]].inputs)
        if waiting and (computed > batch_tokens or computed - real > MOST_PADDING * computed):
            yield waiting, join([rows[index] for index in waiting])
            waiting, tokens = [], shared
        waiting.append(index)
        tokens += length
    if waiting:
        yield waiting, join([rows[index] for index in waiting])


def pad_rows(rows: Sequence[Row]) -> TokenBatch:
    """Put rows side by side, padded on the right to the length of the longest."""
    length = max(len(row.inputs) for row in rows)
    ids = np.zeros((len(rows), length), dtype=np.int64)
    predicted = []
    for index, row in enumerate(rows):
        ids[index, : len(row.inputs)] = row.inputs
        predicted.append(index * length + row.predicting)
    return TokenBatch(
        torch.from_numpy(ids),
        torch.from_numpy(np.concatenate(predicted)),
        torch.from_numpy(np.concatenate([row.targets for row in rows])),
        tokens=sum(len(row.inputs) for row in rows),
    )


def common_beginning(rows: Sequence[Row]) -> int:
    """Return how many first tokens all rows with targets have in common; 0 if they are not worth sharing."""
    inputs = [row.inputs for row in rows if len(row.targets)]
    if len(inputs) < 2:
        return 0
    common = inputs[0]
    for ids in inputs[1:]:
        length = min(len(common), len(ids))
        differ = np.flatnonzero(common[:length] != ids[:length])
        common = common[: differ[0] if len(differ) else length]
    return len(common) if len(common) >= WORTH_SHARING else 0


def pack_rows(rows: Sequence[Row], *, shared: int = 0) -> TokenBatch:
    """Put rows one after the other into a single row, without padding. None of them sees another.

    Args:
        shared: All rows have this many first tokens in common. They come once, before the rest of every row, which
            sees them; this is for models whose `CausalForward.shares` says so.
    """
    lengths = [len(row.inputs) - shared for row in rows]
    starts = (shared + np.cumsum([0, *lengths[:-1]])).tolist()
    predicted = [
        row.predicting + np.where(row.predicting < shared, 0, start - shared)
        for row, start in zip(rows, starts, strict=True)
    ]
    beginning = np.arange(shared)
    return TokenBatch(
        torch.from_numpy(
            np.concatenate([rows[0].inputs[:shared], *(row.inputs[shared:] for row in rows)]).astype(np.int64)
        )[None],
        torch.from_numpy(np.concatenate(predicted)),
        torch.from_numpy(np.concatenate([row.targets for row in rows])),
        tokens=shared + sum(lengths),
        position_ids=torch.from_numpy(np.concatenate([beginning, *(shared + np.arange(length) for length in lengths)]))[
            None
        ],
    )
