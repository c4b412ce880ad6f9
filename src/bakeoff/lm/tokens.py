"""Text to tokens, each text once, and the one place that knows about beginning-of-text tokens."""

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
    starts: Ids  # where each token begins in the text, in characters, never falling, shape (tokens,)


@machine.all_cores()
def tokenize(tokenizer: Any, texts: Sequence[str], *, special_tokens: bool) -> list[Tokens]:
    """Tokens of each text; with `special_tokens`, also those that this tokenizer adds by itself (often none)."""
    if not texts:
        return []
    found = tokenizer(
        list(texts),
        add_special_tokens=special_tokens,
        return_offsets_mapping=True,
        return_attention_mask=False,
        verbose=False,  # a text longer than the context is nothing to warn of: it is cut into windows
    )
    return [
        Tokens(
            np.asarray(ids, dtype=np.int64),
            np.maximum.accumulate(np.asarray([start for start, _ in offsets], dtype=np.int64)),
        )
        for ids, offsets in zip(found["input_ids"], found["offset_mapping"], strict=True)
    ]


def beginning_token(tokenizer: Any) -> int:
    """What stands before a document, so that its first token can be predicted: BOS, or EOS where there is no BOS.

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
    """What ends a document in training: EOS, or BOS where there is no EOS."""
    return int(tokenizer.eos_token_id) if tokenizer.eos_token_id is not None else beginning_token(tokenizer)


def prompt_tokens(tokenizer: Any, prompt: str) -> list[int]:
    """A prompt as the model expects it.

    A BOS of its own (stories260k, Llama) is put first where the tokenizer does not add it. A BOS that is also the
    end of text (GPT-2) is not, except before an empty prompt: those models are prompted without it.
    """
    ids = [int(token) for token in tokenizer(prompt, verbose=False)["input_ids"]]
    beginning = beginning_token(tokenizer)
    if not ids or (beginning != tokenizer.eos_token_id and ids[0] != beginning):
        return [beginning, *ids]
    return ids
