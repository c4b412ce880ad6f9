"""Encoded texts, stored without padding, and batches of texts of nearly equal length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from bakeoff.data.word_ids import offsets_of, positions

Rows = npt.NDArray[np.int64]

# Sorting by length alone would put the same long texts together in every epoch. This much noise on the length mixes
# them, for a little more padding.
_LENGTH_NOISE = 0.01


@dataclass(frozen=True)
class EncodedTexts:
    """Texts as word ids, one after the other: text i is ``ids[offsets[i] : offsets[i + 1]]``, never empty."""

    ids: npt.NDArray[np.int32]  # shape (all words of all texts,)
    offsets: npt.NDArray[np.int64]  # shape (texts + 1,)

    @classmethod
    def from_lengths(cls, ids: npt.NDArray[np.int32], lengths: npt.NDArray[np.int64]) -> EncodedTexts:
        return cls(ids, offsets_of(lengths))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Words of each text, shape (texts,)."""
        return np.diff(self.offsets)

    def cut(self, max_length: int, truncation: Literal["head", "head_tail"]) -> EncodedTexts:
        """Cut longer texts to `max_length` words: the first ones, or half from each end."""
        lengths = self.lengths
        tails = np.where(lengths > max_length, max_length // 2 if truncation == "head_tail" else 0, 0)
        heads = np.minimum(lengths, max_length) - tails
        # The head and the tail of each text, one after the other.
        starts = np.stack([self.offsets[:-1], self.offsets[1:] - tails], axis=1).ravel()
        sizes = np.stack([heads, tails], axis=1).ravel()
        kept = positions(starts, offsets_of(sizes))
        return EncodedTexts.from_lengths(self.ids[kept], heads + tails)

    def pieces(self, max_length: int) -> EncodedTexts:
        """Cut longer texts into as few pieces of at most `max_length` words as possible, of nearly equal length."""
        lengths = self.lengths
        parts = -(-lengths // max_length)
        shortest = lengths // parts
        one_longer = lengths - shortest * parts  # this many of a text's pieces have one more word
        text = np.repeat(np.arange(len(self)), parts)
        number = np.arange(len(text)) - np.repeat(np.cumsum(parts) - parts, parts)
        return EncodedTexts.from_lengths(self.ids, shortest[text] + (number < one_longer[text]))

    def padded(self, rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
        """Return some texts as a padded batch.

        Returns:
            Word ids, shape (rows, longest), padded with 0 on the right; and lengths, shape (rows,). Both int64.
        """
        lengths = self.lengths[rows]
        position = np.arange(lengths.max())
        inside = position < lengths[:, None]
        words = np.zeros(inside.shape, dtype=np.int64)
        words[inside] = self.ids[(self.offsets[rows, None] + position)[inside]]
        return torch.from_numpy(words), torch.from_numpy(lengths)

    def first(self, words: int) -> EncodedTexts:
        """Return the first texts that together have at most this many words, and at least one text."""
        count = max(1, int(np.searchsorted(self.offsets, words, side="right")) - 1)
        return EncodedTexts(self.ids[: self.offsets[count]], self.offsets[: count + 1])


@dataclass(frozen=True)
class TextBatch:
    """A batch of rows of the training split."""

    rows: Rows
    lengths: npt.NDArray[np.int64]  # words in each of them

    @property
    def count(self) -> int:
        return len(self.rows)

    @property
    def tokens(self) -> int:
        return int(self.lengths.sum())

    def split(self, parts: int) -> list[TextBatch]:
        pieces = np.array_split(np.arange(self.count), min(parts, self.count))
        return [TextBatch(self.rows[piece], self.lengths[piece]) for piece in pieces]


def batches_by_length(lengths: npt.NDArray[np.int64], batch_size: int) -> list[Rows]:
    """Sort rows by length and cut them into batches: the order in which texts are classified."""
    order = np.argsort(lengths, kind="stable")
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def shuffled_batches(lengths: npt.NDArray[np.int64], batch_size: int, seed: int, epoch: int) -> list[Rows]:
    """Return batches of nearly equal length in random order, a function of the seed and the epoch.

    Every epoch has the same number of batches; their sizes differ by at most one text.
    """
    random = np.random.default_rng([seed, epoch])
    noisy = lengths * (1 + _LENGTH_NOISE * random.random(len(lengths)))
    shuffled = random.permutation(len(lengths))  # texts of one length meet in another order in every epoch
    order = shuffled[np.argsort(noisy[shuffled], kind="stable")]
    batches = np.array_split(order, -(-len(order) // batch_size))
    return [batches[index] for index in random.permutation(len(batches))]


def padding_share(lengths: npt.NDArray[np.int64], batches: list[Rows]) -> float:
    """Return the share of computed positions that are padding, 0 to 1."""
    computed = sum(len(rows) * int(lengths[rows].max()) for rows in batches)
    return 1 - int(lengths.sum()) / computed
