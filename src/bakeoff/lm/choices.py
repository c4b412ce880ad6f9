"""Score a fixed set of continuations after many prompts: classification by a language model's log-probabilities.

What all prompts begin with is computed once. Then several prompts share a row: each sees the beginning and itself, and
each continuation sees its prompt and itself, so the keys and values of a prompt serve all its continuations, nothing is
padded, and nothing is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt
import torch
from transformers import DynamicCache

from bakeoff.lm.causal_model import CausalModel
from bakeoff.lm.scoring_plan import Row
from bakeoff.pretrained.cache_name import cache_argument, keeps_every_key
from bakeoff.training import distributed, torchrun

TOKENS_AT_ONCE = 768
"""Tokens of prompts and continuations that go through the model at once; attention grows with their square."""

_ALIKE = 1e-3  # nats: two ways to compute the same log-probabilities differ by less

Array = npt.NDArray[np.float64]
Share = Callable[[float], None]


@dataclass(frozen=True)
class Choices:
    """Continuations to choose from, after prompts with a common beginning."""

    model: CausalModel
    beginning: Sequence[int]  # token ids, at least one
    continuations: Sequence[Sequence[int]]  # token ids of each continuation, at least one

    def log_probabilities(self, prompts: Sequence[Sequence[int]], share: Share = lambda _: None) -> Array:
        """Return the summed log-probability of each continuation after each prompt, shape (prompts, continuations).

        Under torchrun each process computes its share.

        Args:
            prompts: Token ids after the beginning, at least one each.
            share: Is told the share of the work that is done.
        """
        found = torch.zeros(len(prompts), len(self.continuations), dtype=torch.float64)
        compute = self._packed if self._can_pack else self._plain
        batches = list(self._batches(prompts))
        for number, rows in enumerate(distributed.shard(batches), start=1):
            found[rows] = compute([prompts[row] for row in rows])
            share(min(1.0, number * torchrun.world_size() / len(batches)))
        return distributed.summed(found).numpy()

    @property
    def longest_continuation(self) -> int:
        return max(map(len, self.continuations))

    def _batches(self, prompts: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Yield the indices of prompts that share a row, of similar lengths, the longest first."""
        rows: list[int] = []
        tokens = 0
        for index in sorted(range(len(prompts)), key=lambda index: -len(prompts[index])):
            length = len(prompts[index]) + self._branches
            if rows and tokens + length > TOKENS_AT_ONCE:
                yield rows
                rows, tokens = [], 0
            rows.append(index)
            tokens += length
        if rows:
            yield rows

    @cached_property
    def _branches(self) -> int:
        """Tokens of all continuations that predict a further token of theirs."""
        return sum(len(continuation) - 1 for continuation in self.continuations)

    @cached_property
    @torch.no_grad()
    def _cache(self) -> DynamicCache:
        """The keys and values of the beginning."""
        cache = DynamicCache(config=self.model.model.config)
        ids = torch.tensor([list(self.beginning)], device=self.model.forward.device)
        model = self.model.model
        model(input_ids=ids, use_cache=True, logits_to_keep=1, **cache_argument(model, cache))
        return cache

    @cached_property
    def _can_pack(self) -> bool:
        """Compare both ways on two short prompts: some architectures take no mask of one's own, or keep no keys."""
        prompts = [list(self.beginning)[:3], list(self.continuations[0])[:1]]
        try:
            if not keeps_every_key(self._cache):  # or it could not be cut back
                return False
            packed = self._packed(prompts)
        except (TypeError, ValueError, RuntimeError, AttributeError, NotImplementedError):
            return False
        alike = torch.allclose(packed, self._plain(prompts), atol=_ALIKE if self.model.precision == "fp32" else 0.2)
        return bool(alike)

    @torch.no_grad()
    def _packed(self, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Return shape (prompts, continuations), fp64: one row with a mask that keeps prompts and continuations apart.

        A prompt and its continuations form a tree. A token sees the beginning and the tokens on its way to the root.
        """
        start = len(self.beginning)
        ids: list[int] = []
        positions: list[int] = []
        prompt_of: list[int] = []
        branch_of: list[int] = []  # -1 for the prompt itself
        predicted: list[list[list[int]]] = []  # by prompt and continuation: indices of the tokens that predict it
        for number, prompt in enumerate(prompts):
            first, end = len(ids), len(ids) + len(prompt)
            ids += prompt
            positions += range(start, start + len(prompt))
            branch_of += [-1] * len(prompt)
            predicted.append([])
            for branch, continuation in enumerate(self.continuations):
                predicted[-1].append([end - 1, *range(len(ids), len(ids) + len(continuation) - 1)])
                ids += continuation[:-1]
                positions += range(start + len(prompt), start + len(prompt) + len(continuation) - 1)
                branch_of += [branch] * (len(continuation) - 1)
            prompt_of += [number] * (len(ids) - first)
        mask = self._mask(torch.tensor(prompt_of), torch.tensor(branch_of))
        device, cache = self.model.forward.device, self._cache
        decoder = self.model.model.get_decoder()
        output = decoder(
            input_ids=torch.tensor([ids], device=device),
            attention_mask=mask.to(device),
            position_ids=torch.tensor([positions], device=device),
            use_cache=True,
            **cache_argument(decoder, cache),
        )
        cache.crop(-len(ids))
        flat = [index for by_branch in predicted for indices in by_branch for index in indices]
        targets = [token for _ in prompts for continuation in self.continuations for token in continuation]
        needed, inverse = torch.tensor(flat).unique(return_inverse=True)
        logits = self._logits(output.last_hidden_state[0, needed.to(device)])
        losses = logits.log_softmax(-1).cpu()[inverse, torch.tensor(targets)].double()
        ends = list(accumulate((len(indices) for by_branch in predicted for indices in by_branch), initial=0))
        sums = torch.stack([losses[first:last].sum() for first, last in pairwise(ends)])
        return sums.view(len(prompts), len(self.continuations))

    def _logits(self, hidden: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model.model.get_output_embeddings()(hidden).float()
        return logits

    def _mask(self, prompt_of: torch.Tensor, branch_of: torch.Tensor) -> torch.Tensor:
        """Return what each token sees, shape (1, 1, tokens, beginning + tokens): 0, or the lowest number."""
        tokens, start = len(prompt_of), len(self.beginning)
        same_prompt = prompt_of[:, None] == prompt_of
        on_the_way = (branch_of == -1) | (branch_of[:, None] == branch_of)
        seen = torch.ones(tokens, start + tokens, dtype=torch.bool)
        seen[:, start:] = (same_prompt & on_the_way).tril()
        dtype = self.model.model.dtype
        return torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, torch.finfo(dtype).min)[None, None]

    def _plain(self, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Return shape (prompts, continuations), fp64: each pair of prompt and continuation is a text of its own."""
        rows = [
            Row(np.array([*self.beginning, *prompt, *continuation[:-1]]), np.array(continuation))
            for prompt in prompts
            for continuation in self.continuations
        ]
        found = torch.zeros(len(rows), dtype=torch.float64)
        for numbers, batch in self.model.forward.batches(rows, TOKENS_AT_ONCE):
            losses = self.model.forward.losses(batch).double()
            for number, part in zip(numbers, losses.split([len(rows[n].targets) for n in numbers]), strict=True):
                found[number] = -part.sum()
        return found.view(len(prompts), len(self.continuations))
