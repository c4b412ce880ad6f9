"""A loaded causal language model: everything that scoring and generation need to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bakeoff.lm.decoding.batched import can_batch
from bakeoff.lm.decoding.decoder import Decoder
from bakeoff.lm.decoding.native_decoder import NativeDecoder, NoDecoderError
from bakeoff.lm.decoding.transformers_decoder import TransformersDecoder
from bakeoff.lm.forward import CausalForward
from bakeoff.lm.tokens import end_tokens
from bakeoff.training.precision import Precision

DECODER_PAYS_FROM = 32
"""Tokens from which on building the decoder in C takes less time than it saves, whatever the model's size."""


@dataclass(frozen=True)
class CausalModel:
    """A causal language model with its tokenizer.

    `model` is transformers' own, in evaluation mode, with any LoRA adapter merged into its weights. The weights must
    not change once a text has been generated, because the decoder in C keeps a copy of them.
    """

    model: Any  # transformers.PreTrainedModel
    tokenizer: Any  # transformers.PreTrainedTokenizerFast
    name: str  # as the user wrote it
    reference: str  # what plain transformers would load: a hub id or a folder
    context_length: int  # most tokens that the model can see
    precision: Precision
    forward: CausalForward

    @property
    def ends(self) -> set[int]:
        """Return the tokens that end a text."""
        return end_tokens(self.model, self.tokenizer)

    def decoder_for(self, tokens: int) -> Decoder:
        """Return the decoder for a text of this many new tokens.

        The fast one is built once, when a text is long enough to be worth it, and serves every later text.
        """
        if "_best_decoder" not in self.__dict__ and tokens < DECODER_PAYS_FROM:
            return TransformersDecoder(self.forward, reason=f"it pays from {DECODER_PAYS_FROM} tokens on")
        return self._best_decoder

    @cached_property
    def decodes_batches(self) -> bool:
        """True if prompts of different lengths can be continued together."""
        return can_batch(self.forward)

    @cached_property
    def _best_decoder(self) -> Decoder:
        try:
            return NativeDecoder(self.model, self.context_length)
        except NoDecoderError as reason:
            return TransformersDecoder(self.forward, reason=str(reason))
