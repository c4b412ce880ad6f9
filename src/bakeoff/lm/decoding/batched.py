"""Greedy decoding of many prompts at once: the weights are read once for all of them.

Rows are padded on the right, where a causal model never looks, and a mask hides the padding from new tokens. What all
prompts begin with, such as the examples of few-shot prompting, is computed once.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from bakeoff.lm.batching import common_beginning
from bakeoff.lm.forward import CausalForward
from bakeoff.lm.scoring_plan import Row
from bakeoff.pretrained.cache_name import keeps_every_key

TOKENS_AT_ONCE = 4096
"""Tokens of prompts and answers that are decoded together: bounds the cache."""

_ALIKE = 1e-4  # of the largest logit; other orders of summation differ by a few 1e-6


@dataclass
class Answer:
    """The new tokens after a prompt."""

    ids: list[int] = field(default_factory=list)
    seconds: float = 0.0  # the time of all that were decoded together, divided by their number


def can_batch(forward: CausalForward) -> bool:
    """Return whether prompts of different lengths can be decoded together, by comparing logits with those alone.

    Models that keep a state instead of keys, or only a window of them, cannot.
    """
    if not forward.has_halves:
        return False
    prompts = [[3, 4, 5, 6, 7], [8, 9, 10]]
    try:
        batch = _Batch(forward, prompts, None)
        if not keeps_every_key(batch.cache):  # padding would enter a state
            return False
        batch.append([11, 12])
    except (TypeError, ValueError, RuntimeError, AttributeError, NotImplementedError):
        return False
    texts = [torch.tensor([[*prompt, token]]) for prompt, token in zip(prompts, (11, 12), strict=True)]
    alone = torch.cat([forward.next_logits(text.to(forward.device), None)[0] for text in texts])
    return torch.allclose(batch.logits, alone, rtol=0, atol=_ALIKE * max(1.0, float(alone.abs().max())))


def decode_all(
    forward: CausalForward,
    prompts: Sequence[list[int]],
    *,
    limit: int,
    ends: set[int],
    ended: Callable[[int, list[int]], bool],
    share: Callable[[float], None] = lambda _: None,
) -> list[Answer]:
    """Continue every prompt with the most probable tokens. Check `can_batch` first.

    Args:
        limit: Most new tokens.
        ends: Tokens that end a text, which are left out.
        ended: Says of the number of a prompt and its new tokens whether they are enough.
        share: Is told the share of the prompts that are done.
    """
    answers = [Answer() for _ in prompts]
    shared = common_beginning([Row(np.array(ids[:-1]), np.array(ids[-1:])) for ids in prompts])
    beginning = None
    if shared:
        beginning = forward.next_logits(torch.tensor([prompts[0][:shared]], device=forward.device), None)[1]
    done = 0
    for numbers in _together(prompts, limit):
        started = time.perf_counter()
        batch = _Batch(forward, [prompts[number][shared:] for number in numbers], copy.deepcopy(beginning))
        active = list(numbers)
        for step in range(limit):
            tokens = batch.logits.argmax(-1).tolist()
            going = []
            for place, (number, token) in enumerate(zip(active, tokens, strict=True)):
                if token in ends:
                    continue
                answers[number].ids.append(token)
                if not ended(number, answers[number].ids):
                    going.append(place)
            if not going or step == limit - 1:
                break
            if len(going) < len(active):
                batch.keep(going)
                active, tokens = [active[place] for place in going], [tokens[place] for place in going]
            batch.append(tokens)
        for number in numbers:
            answers[number].seconds = (time.perf_counter() - started) / len(numbers)
        done += len(numbers)
        share(done / len(prompts))
    return answers


def _together(prompts: Sequence[list[int]], limit: int) -> Iterator[list[int]]:
    """Yield the numbers of prompts to decode together, those of similar lengths, the longest first."""
    numbers: list[int] = []
    for number in sorted(range(len(prompts)), key=lambda number: -len(prompts[number])):
        longest = len(prompts[numbers[0]]) if numbers else 0
        if numbers and (len(numbers) + 1) * (longest + limit) > TOKENS_AT_ONCE:
            yield numbers
            numbers = []
        numbers.append(number)
    if numbers:
        yield numbers


class _Batch:
    """Prompts in progress: their keys and values, and the logits after the last token of each."""

    def __init__(self, forward: CausalForward, prompts: Sequence[list[int]], beginning: Any) -> None:
        """
        Args:
            beginning: The cache of what comes before every prompt, which is used up; None if there is nothing.
        """
        self._forward = forward
        self.cache = beginning
        before = 0
        if beginning is not None:
            before = beginning.get_seq_length()
            beginning.batch_repeat_interleave(len(prompts))
        lengths = torch.tensor([len(prompt) for prompt in prompts])
        length = int(lengths.max())
        ids = torch.zeros(len(prompts), length, dtype=torch.int64)
        for row, prompt in zip(ids, prompts, strict=True):
            row[: len(prompt)] = torch.tensor(prompt)
        self._positions = before + lengths
        self._visible = torch.arange(before + length) < self._positions[:, None]
        positions = torch.arange(before, before + length)[None]
        self.logits, self.cache = forward.next_logits(
            ids.to(forward.device), self.cache, last=lengths - 1, position_ids=positions.to(forward.device)
        )

    def append(self, tokens: list[int]) -> None:
        """Add a token to each text, and compute the logits after it."""
        device = self._forward.device
        self._visible = torch.cat([self._visible, torch.ones(len(tokens), 1, dtype=torch.bool)], 1)
        self.logits, self.cache = self._forward.next_logits(
            torch.tensor(tokens, device=device)[:, None],
            self.cache,
            position_ids=self._positions[:, None].to(device),
            attention_mask=self._visible.to(device),
        )
        self._positions = self._positions + 1

    def keep(self, rows: list[int]) -> None:
        """Forget all texts but those in these rows."""
        self.cache.batch_select_indices(torch.tensor(rows, device=self._forward.device))
        self._positions, self._visible = self._positions[rows], self._visible[rows]
