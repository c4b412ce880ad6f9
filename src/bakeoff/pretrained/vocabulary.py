"""Hold a tokenizer to the ids for which its model has embeddings."""

from __future__ import annotations

import json
from typing import Any

import tokenizers

from bakeoff.errors import UserError


def fit_vocabulary(model: Any, tokenizer: Any, name: str, *, pads: bool) -> None:
    """Check that the model has an embedding for every id of its tokenizer.

    Special tokens beyond the embeddings are harmless as long as no text is read as one: a padding token that was added
    after the training, or one that transformers makes up for a GGUF file. Such a tokenizer loses them, so that a text
    that spells one out is read as characters.

    Args:
        name: Of the model, for messages.
        pads: Texts are padded, so that the model must know the padding token as well.

    Raises:
        UserError: a token that texts can hold has no embedding.
    """
    embeddings = int(model.get_input_embeddings().num_embeddings)
    beyond = {token: id for token, id in tokenizer.get_vocab().items() if id >= embeddings}
    special = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    needed = {tokenizer.bos_token, tokenizer.eos_token, *([tokenizer.pad_token] if pads else [])}
    if any(token not in special or token in needed for token in beyond):
        raise UserError(
            f"The tokenizer of {name} does not fit its model: it has ids up to {max(beyond.values()):,}, but the model "
            f"has only {embeddings:,} embeddings (ids up to {embeddings - 1:,}).",
            "Put the model's own tokenizer files into its folder.",
        )
    if beyond:
        backend = json.loads(tokenizer.backend_tokenizer.to_str())
        backend["added_tokens"] = [token for token in backend["added_tokens"] if token["id"] < embeddings]
        tokenizer._tokenizer = tokenizers.Tokenizer.from_str(json.dumps(backend))
