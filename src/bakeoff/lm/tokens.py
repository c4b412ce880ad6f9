"""Tokenize texts, and decide where beginning-of-text and end-of-text tokens go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff import machine
from bakeoff.errors import UserError

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Tokens:
    """A text as tokens."""

    ids: Ids  # shape (tokens,)
    starts: Ids  # start of each token in the text, in characters, never decreasing, shape (tokens,)


@machine.all_cores()
def tokenize(tokenizer: Any, texts: Sequence[str], *, special_tokens: bool, split: bool = False) -> list[Tokens]:
    """Tokenize each text.

    Args:
        special_tokens: Add those that this tokenizer adds by default (often none).
        split: Read special tokens that are spelled out in a text as characters.
    """
    if not texts:
        return []
    encoded = tokenizer(
        list(texts),
        add_special_tokens=special_tokens,
        split_special_tokens=split or None,  # None: as the tokenizer itself says, which is usually no
        return_offsets_mapping=True,
        return_attention_mask=False,
        verbose=False,  # no warning about texts longer than the context: they are cut into windows
    )
    return [
        Tokens(
            np.asarray(ids, dtype=np.int64),
            np.maximum.accumulate(np.asarray([start for start, _ in offsets], dtype=np.int64)),
        )
        for ids, offsets in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
    ]


def beginning_token(tokenizer: Any) -> int:
    """Return the token put before a document to predict its first token: BOS, or EOS if there is no BOS.

    Raises:
        UserError: the tokenizer has neither.
    """
    token = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    if token is None:
        raise UserError(
            "The model's tokenizer has neither a beginning-of-text nor an end-of-text token.",
            "Set `bos_token` or `eos_token` in its tokenizer_config.json.",
        )
    return int(token)


def end_token(tokenizer: Any) -> int:
    """Return the token that ends a document in training: EOS, or BOS if there is no EOS."""
    return int(tokenizer.eos_token_id) if tokenizer.eos_token_id is not None else beginning_token(tokenizer)


def prompt_tokens(tokenizer: Any, prompt: str) -> list[int]:
    """Return the ids of a prompt as the model expects it.

    A BOS of its own (stories260k, Llama) is put first if the tokenizer does not add it. A BOS that is also the end of
    text (GPT-2) is put only before an empty prompt: those models are prompted without it.
    """
    ids = [int(token) for token in tokenizer(prompt, verbose=False)["input_ids"]]
    beginning = beginning_token(tokenizer)
    if not ids or (beginning != tokenizer.eos_token_id and ids[0] != beginning):
        return [beginning, *ids]
    return ids
