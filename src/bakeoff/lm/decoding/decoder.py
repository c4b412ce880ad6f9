"""The interface of a decoder: a way to generate the tokens of a text one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import torch

Engine = Literal["transformers", "native"]

Choose = Callable[[torch.Tensor], int]
"""Pick a token id from its logits, fp32, shape (vocabulary,)."""


@dataclass
class DraftCounts:
    """Tokens that were drafted, and how many of them were accepted."""

    drafted: int = 0
    accepted: int = 0


class Decoder(Protocol):
    """A model that is ready to generate. Any number of texts may be in progress.

    Every decoder generates the same tokens; they differ in speed.
    """

    @property
    def engine(self) -> Engine: ...

    @property
    def reason(self) -> str:
        """Why the faster engine was not used; empty if it was."""

    def decode(
        self,
        prompt_ids: list[int],
        *,
        limit: int,
        ends: set[int],
        choose: Choose,
        random: torch.Generator,
        counts: DraftCounts,
    ) -> Iterator[int]:
        """Yield the ids of the continuation, without the one that ends it.

        Args:
            limit: Most tokens to generate.
            ends: Tokens that end the text.
            choose: Picks a token by its logits, drawing from `random` only.
            counts: Kept up to date with the tokens that were drafted and accepted, if the decoder drafts.
        """
