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


def beginning_token(tokenizer: Any, needed_by: str, instead: str) -> int:
    """Return the token put before a document to predict its first token: BOS, or EOS if there is no BOS.

    Args:
        needed_by: What needs it, at the beginning of a sentence: "Protocol `document`".
        instead: What a user can do without one, as an imperative: "Use protocol `window`".

    Raises:
        UserError: the tokenizer has neither.
    """
    token = _beginning(tokenizer)
    if token is None:
        raise UserError(
            f"{needed_by} needs a beginning-of-text or end-of-text token, and the model's tokenizer has neither.",
            f"{instead}, or set `bos_token` or `eos_token` in its tokenizer_config.json.",
        )
    return token


def end_token(tokenizer: Any, needed_by: str, instead: str) -> int:
    """Return the token that ends a document in training: EOS, or BOS if there is no EOS. Raises as the above."""
    if tokenizer.eos_token_id is not None:
        return int(tokenizer.eos_token_id)
    return beginning_token(tokenizer, needed_by, instead)


def end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """Return the tokens that end a text, by the model's generation config and by its tokenizer."""
    ends = model.generation_config.eos_token_id if model.generation_config is not None else None
    ends = ends if isinstance(ends, list) else [ends]
    return {int(end) for end in [*ends, tokenizer.eos_token_id] if end is not None}


def _beginning(tokenizer: Any) -> int | None:
    token = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    return None if token is None else int(token)


def prompt_tokens(tokenizer: Any, prompt: str, *, split: bool = False) -> list[int]:
    """Return the ids of a prompt as the model expects it.

    A BOS of its own (stories260k, Llama) is put first if the tokenizer does not add it. A BOS that is also the end of
    text (GPT-2) is put only before an empty prompt: those models are prompted without it. A prompt that spells out the
    BOS which its tokenizer adds as well gets one, not two.

    Args:
        split: Read special tokens that are spelled out in the prompt as characters.

    Raises:
        UserError: the prompt is empty, and the tokenizer has neither BOS nor EOS.
    """
    ids = [int(token) for token in tokenizer(prompt, split_special_tokens=split or None, verbose=False)["input_ids"]]
    if not ids:
        return [beginning_token(tokenizer, "An empty prompt", "Give a prompt of a word or more")]
    own = own_beginning(tokenizer)
    if own and ids[:2] == own * 2 and tokenizer("")["input_ids"][:1] == own:
        return ids[1:]
    return ids if ids[:1] == own else [*own, *ids]


def own_beginning(tokenizer: Any) -> list[int]:
    """Return the BOS that is put before a prompt; none where it is also the end of text (GPT-2)."""
    beginning = _beginning(tokenizer)
    return [] if beginning is None or beginning == tokenizer.eos_token_id else [beginning]
