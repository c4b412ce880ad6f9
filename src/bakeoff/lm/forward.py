"""Run a causal language model so that only positions with a target reach its output layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from bakeoff.errors import UserError
from bakeoff.lm.batching import TokenBatch, batches_of_rows, common_beginning, pack_rows, pad_rows
from bakeoff.lm.loss import cross_entropies, summed_cross_entropy
from bakeoff.lm.scoring_plan import Row
from bakeoff.lm.tokens import Ids
from bakeoff.pretrained.cache_name import cache_name
from bakeoff.pretrained.causality import sees_later_tokens
from bakeoff.pretrained.kernels import transformers_attention
from bakeoff.pretrained.kernels.install import install_kernels
from bakeoff.training.memory import by_parts


class CausalForward:
    """A causal model as two halves, backbone and output layer, checked to give the same logits as the whole.

    Some architectures scale or cap their logits, and a PEFT adapter may sit on the output layer. Those run as a whole:
    the results are the same, but the logits of a batch need memory all at once.
    """

    def __init__(self, model: Any, *, sharded: bool = False) -> None:
        """
        Args:
            sharded: Training is going to shard the model, which can only then be checked: with the first batch.

        Raises:
            UserError: the model looks at later tokens, so it predicts nothing.
        """
        self.model = model
        self.sharded = sharded
        install_kernels(model)
        inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._backbone: Any = getattr(inner, inner.base_model_prefix, None)
        self._head: Any = inner.get_output_embeddings()
        self._cache_name = cache_name(inner)
        self._checked_halves = None if sharded else self._halves_make_the_whole()

    @property
    def device(self) -> torch.device:
        device: torch.device = next(self.model.parameters()).device
        return device

    @property
    def packs(self) -> bool:
        """True if texts one after the other in a row cost no more than texts side by side, and are kept apart."""
        return self.model.config._attn_implementation == transformers_attention.NAME and self.separates

    @cached_property
    def separates(self) -> bool:
        """True if texts that share a row do not see each other.

        Models with layers that carry a state along the row (Mamba, convolutions), or without positions, mix them. What
        comes before a text in its row must change its losses by much less than what comes before it in the text.
        """
        first, other, text = np.split(np.arange(12) % self._vocabulary(), 3)

        def losses_after(beginning: Ids, *, apart: bool) -> torch.Tensor:
            if apart:
                return self.losses(pack_rows([Row(ids[:-1], ids[1:]) for ids in (beginning, text)]))[-3:]
            return self.losses(pad_rows([Row(np.concatenate([beginning, text[:-1]]), text[1:])]))

        training = self.model.training
        self.model.eval()
        mixed, changed = (
            (losses_after(first, apart=apart) - losses_after(other, apart=apart)).abs().max() for apart in (True, False)
        )
        self.model.train(training)
        return bool(mixed < 0.05 * changed)

    @cached_property
    def shares(self) -> bool:
        """True if the texts of a packed row may have a common beginning (see `pack_rows`).

        Both ways are compared: they must differ by much less than another beginning would change.
        """
        if not self.packs:
            return False
        ids = np.arange(24) % self._vocabulary()
        beginning, other, *texts = np.split(ids, 4)

        def rows(first: Ids) -> list[Row]:
            return [Row(np.concatenate([first, text[:-1]]), text[1:]) for text in texts]

        together = self.losses(pack_rows(rows(beginning), shared=len(beginning)))
        apart, changed = (self.losses(pad_rows(rows(first))) for first in (beginning, other))
        return bool((together - apart).abs().max() < 0.25 * (changed - apart).abs().max())

    def batches(self, rows: Sequence[Row], batch_tokens: int) -> Iterator[tuple[list[int], TokenBatch]]:
        """Put rows into batches as this model computes them fastest; see `batches_of_rows`."""
        shared = common_beginning(rows)
        return batches_of_rows(rows, batch_tokens, packed=self.packs, shared=shared if shared and self.shares else 0)

    def summed_loss(self, batch: TokenBatch) -> torch.Tensor:
        """Return the summed loss of the batch's targets in nats, differentiable."""
        batch = batch.to(self.device)
        if not self.has_halves:
            return F.cross_entropy(self._logits(batch).float(), batch.targets, reduction="sum")
        return summed_cross_entropy(self._hidden(batch), self._head.weight, self._head.bias, batch.targets)

    @torch.no_grad()
    def losses(self, batch: TokenBatch) -> torch.Tensor:
        """Return the loss of each target in nats, fp32 on the CPU, shape (targets,); in parts if memory runs short."""
        return torch.cat(by_parts(self._losses, batch.to(self.device), in_step=self.sharded))

    def _losses(self, batch: TokenBatch) -> torch.Tensor:
        if not self.has_halves:
            return F.cross_entropy(self._logits(batch).float(), batch.targets, reduction="none").cpu()
        return cross_entropies(self._hidden(batch), self._head.weight, self._head.bias, batch.targets).cpu()

    @property
    def has_halves(self) -> bool:
        """True if hidden states need not all go through the output layer."""
        if self._checked_halves is None:
            self._checked_halves = self._halves_make_the_whole()
        return self._checked_halves

    @torch.no_grad()
    def next_logits(
        self, input_ids: torch.Tensor, cache: Any, *, last: torch.Tensor | None = None, **inputs: Any
    ) -> tuple[torch.Tensor, Any]:
        """Return the logits after the last token, fp32, shape (rows, vocabulary), and the cache with these tokens.

        Args:
            input_ids: Tokens that the cache does not hold yet, int64, shape (rows, length).
            cache: The cache that the last call returned; None at first.
            last: The last token of each row, where rows are padded, shape (rows,).
            inputs: More for the model, such as `position_ids`.
        """
        rows = torch.arange(len(input_ids))
        last = torch.full_like(rows, -1) if last is None else last
        if self._cache_name is None:  # the text so far stands for a cache, and is read again
            input_ids = input_ids if cache is None else torch.cat([cache, input_ids], 1)
            inputs |= {"use_cache": False}
        else:
            inputs |= {"use_cache": True, self._cache_name: cache}
        output = (self._backbone if self.has_halves else self.model)(input_ids=input_ids, **inputs)
        kept = input_ids if self._cache_name is None else getattr(output, self._cache_name, None)
        if kept is None:  # RecurrentGemma takes a cache, and keeps its state elsewhere
            self._cache_name, kept = None, input_ids
        if not self.has_halves:
            return output.logits[rows, last].float(), kept
        return self._head(output.last_hidden_state[rows, last]).float(), kept

    def _hidden(self, batch: TokenBatch) -> torch.Tensor:
        # With a cache, even an empty one, transformers would mix the texts of a row.
        output = self._backbone(input_ids=batch.input_ids, position_ids=batch.position_ids, use_cache=False)
        hidden: torch.Tensor = output.last_hidden_state.flatten(0, 1)
        return hidden.index_select(0, batch.predicted)

    def _logits(self, batch: TokenBatch) -> torch.Tensor:
        output = self.model(input_ids=batch.input_ids, position_ids=batch.position_ids, use_cache=False)
        logits: torch.Tensor = output.logits.flatten(0, 1)
        return logits.index_select(0, batch.predicted)

    @torch.no_grad()
    def _halves_make_the_whole(self) -> bool:
        """Compare the logits of the halves with those of the whole model, and check that the model is causal."""
        training = self.model.training
        self.model.eval()

        def logits_of(ids: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.model(input_ids=ids.to(self.device), use_cache=False).logits.float()
            return logits

        if sees_later_tokens(logits_of, self._vocabulary()):
            raise UserError(
                f"{self.model.config.model_type} models look at later tokens, so they cannot predict text.",
                "Choose a causal language model, such as gpt2 or smollm2-135m.",
            )
        same = False
        if isinstance(self._backbone, torch.nn.Module) and isinstance(self._head, torch.nn.Linear):
            ids = torch.arange(8, device=self.device)[None] % self._vocabulary()
            hidden = self._backbone(input_ids=ids, use_cache=False).last_hidden_state
            same = torch.allclose(self._head(hidden).float(), logits_of(ids), rtol=1e-4, atol=1e-4)
        self.model.train(training)
        return same

    def _vocabulary(self) -> int:
        return len(self.model.get_input_embeddings().weight)
