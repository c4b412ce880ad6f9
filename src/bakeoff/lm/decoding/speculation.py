"""Speculative decoding: several tokens in one pass of the model, and exactly the tokens of the plain loop.

A cheap draft proposes the next tokens one by one. The model then scores all of them in one pass, which costs little
more than scoring one, and the proposals are accepted as far as the model would have chosen them (Leviathan et al. 2023,
Chen et al. 2023). A text that repeats itself needs no draft: the proposal is whatever followed the last time (prompt
lookup, Saxena 2023).

The published rule for sampling keeps the distribution but not the text. Here the draft draws with the same random
numbers as the model will, so the text is the one that the plain loop draws with this seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch

from bakeoff.lm.decoding.decoder import Choose, DraftCounts

PROPOSED = 7  # most tokens before the model checks them: eight share a reading of the weights (native_decoder.c)
DOUBT = 0.15  # logits: if the draft's two best are this close, its next proposals are often wrong
MATCH = 4  # tokens that must have occurred before


class Cache(Protocol):
    """The keys and values of one text; `native_decoder.TextCache` documents it."""

    length: int

    @property
    def drafts(self) -> bool: ...

    def exact_logits(self, ids: list[int], wanted: int = 1) -> torch.Tensor: ...

    def draft_logits(self, token: int) -> torch.Tensor: ...


def speculate(
    cache: Cache,
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
        cache: Of a new text, empty.
        limit: Most tokens to generate.
        ends: Tokens that end the text.
        choose: Picks a token by its logits, drawing from `random` only.
        counts: Kept up to date with the tokens that were drafted and accepted.
    """
    ids = list(prompt_ids)
    proposals: list[int] = []
    waiting = ids  # tokens that the cache does not hold yet
    while True:
        rows = cache.exact_logits([*waiting, *proposals], wanted=len(proposals) + 1)
        accepted = 0
        for row in rows:
            token = choose(row)
            if token in ends:
                return
            ids.append(token)
            proposed = accepted < len(proposals) and token == proposals[accepted]
            accepted += proposed
            counts.accepted += proposed
            yield token
            if not proposed:
                break
        left = limit - (len(ids) - len(prompt_ids))
        if left == 0:
            return
        cache.length = len(ids) - 1
        waiting = ids[-1:]
        proposals = repeated(ids)[: left - 1]
        if not proposals and cache.drafts:
            proposals = _drafted(cache, ids[-1], min(PROPOSED, left - 1), ends, choose, random)
        cache.length = len(ids) - 1
        counts.drafted += len(proposals)


def repeated(ids: list[int]) -> list[int]:
    """Return the tokens that followed the last time the text ended like this; empty if it never did."""
    pattern = ids[-MATCH:]
    for begin in range(len(ids) - MATCH - 1, -1, -1):
        if ids[begin : begin + MATCH] == pattern:
            return ids[begin + MATCH : begin + MATCH + PROPOSED]
    return []


def _drafted(
    cache: Cache,
    token: int,
    count: int,
    ends: set[int],
    choose: Choose,
    random: torch.Generator,
) -> list[int]:
    """Return up to `count` tokens that the draft proposes, and leave `random` as it was."""
    state = random.get_state()
    proposals: list[int] = []
    while len(proposals) < count and token not in ends:
        logits = cache.draft_logits(token)
        token = choose(logits)
        proposals.append(token)
        best, second = logits.topk(2).values
        if best - second < DOUBT:
            break
    random.set_state(state)
    return proposals
