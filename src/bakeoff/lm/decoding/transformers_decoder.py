"""A decoder by transformers' own forward pass, one token at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from bakeoff.lm.decoding.decoder import Choose, DraftCounts, Engine
from bakeoff.lm.forward import CausalForward


@dataclass(frozen=True)
class TransformersDecoder:
    """A decoder that runs every model, with a cache of keys and values."""

    forward: CausalForward
    reason: str  # why the decoder in C was not used
    engine: ClassVar[Engine] = "transformers"

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
        """Yield the ids of the continuation; see `Decoder`. Nothing is drafted."""
        waiting, cache = prompt_ids, None  # tokens that the cache does not hold yet
        for _ in range(limit):
            logits, cache = self.forward.next_logits(torch.tensor([waiting], device=self.forward.device), cache)
            token = choose(logits[0])
            if token in ends:
                return
            yield token
            waiting = [token]
