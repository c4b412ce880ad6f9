"""Speculative decoding: several tokens for one reading of the weights, and exactly the tokens of the plain loop.

A draft guesses the next tokens one by one at a fraction of the cost; the model then scores all of them in one pass,
which costs little more than scoring one, and guesses are kept as far as the model would have written them (Leviathan
et al. 2023, Chen et al. 2023). A text that repeats itself is guessed for free: what followed the last time (prompt
lookup, Saxena 2023).

The published rule for sampling keeps the distribution but not the text. Here the draft draws with the random numbers
that the model will draw with, so the text is the one that the plain loop draws with this seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch

DRAFTED = 8  # tokens guessed by the draft, at most, before the model checks them
DOUBT = 0.15  # logits: where the draft's two best are this close, its next guesses would often be in vain
REPEATED = 12  # tokens guessed by repetition
MATCH = 4  # as many tokens must have occurred before


class Cache(Protocol):
    """What `openvino_decoder.TextCache` documents."""

    length: int

    def exact_logits(self, ids: list[int], wanted: int = 1) -> torch.Tensor: ...

    def draft_logits(self, token: int) -> torch.Tensor: ...


@dataclass
class Counts:
    drafted: int = 0
    accepted: int = 0


def speculate(
    cache: Cache,
    prompt_ids: list[int],
    *,
    limit: int,
    ends: set[int],
    choose: Callable[[torch.Tensor], int],
    random: torch.Generator,
    counts: Counts,
) -> Iterator[int]:
    """Tokens of the continuation, without the one that ends it.

    Args:
        cache: Of a new text.
        limit: Tokens at most.
        choose: Takes a token by its logits, drawing from `random` only.
        counts: How many tokens were guessed, and rightly so; kept up to date.
    """
    ids = list(prompt_ids)
    guesses: list[int] = []
    waiting = ids  # what the cache does not hold yet
    while True:
        rows = cache.exact_logits([*waiting, *guesses], wanted=len(guesses) + 1)
        right = 0
        for row in rows:
            token = choose(row)
            if token in ends:
                return
            ids.append(token)
            counted = right < len(guesses) and token == guesses[right]
            right += counted
            counts.accepted += counted
            yield token
            if not counted:
                break
        left = limit - (len(ids) - len(prompt_ids))
        if left == 0:
            return
        cache.length = len(ids) - 1
        waiting = ids[-1:]
        guesses = repeated(ids)[: left - 1] or _drafted(cache, ids[-1], min(DRAFTED, left - 1), ends, choose, random)
        cache.length = len(ids) - 1
        counts.drafted += len(guesses)


def repeated(ids: list[int]) -> list[int]:
    """What followed the last time that a text had its present last tokens; empty where they are new."""
    pattern = ids[-MATCH:]
    for begin in range(len(ids) - MATCH - 1, -1, -1):
        if ids[begin : begin + MATCH] == pattern:
            return ids[begin + MATCH : begin + MATCH + REPEATED]
    return []


def _drafted(
    cache: Cache,
    token: int,
    count: int,
    ends: set[int],
    choose: Callable[[torch.Tensor], int],
    random: torch.Generator,
) -> list[int]:
    state = random.get_state()
    guesses: list[int] = []
    while len(guesses) < count and token not in ends:
        logits = cache.draft_logits(token)
        token = choose(logits)
        guesses.append(token)
        best, second = logits.topk(2).values
        if best - second < DOUBT:
            break
    random.set_state(state)
    return guesses
