"""Vectors of texts, by which similar ones are found, from the packaged sentence encoder: all-MiniLM-L6-v2."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bakeoff.pretrained.names import DEFAULT_ENCODER
from bakeoff.pretrained.sources import load_weights

_MOST_TOKENS = 256  # as its authors use it; the last ones, because a long prompt has its question at the end
_TEXTS_AT_ONCE = 32

Vectors = npt.NDArray[np.float32]


@torch.inference_mode()
def text_vectors(texts: Sequence[str]) -> Vectors:
    """Return vectors of length 1, shape (texts, 384): the mean of the states of a text's last 256 tokens.

    Raises:
        UserError: the package of the encoder is not installed.
    """
    network, tokenizer = _encoder()
    rows = tokenizer(list(texts), truncation=True, max_length=_MOST_TOKENS)["input_ids"]
    vectors = np.zeros((len(rows), network.config.hidden_size), dtype=np.float32)
    by_length = sorted(range(len(rows)), key=lambda row: len(rows[row]))
    for start in range(0, len(rows), _TEXTS_AT_ONCE):
        chosen = by_length[start : start + _TEXTS_AT_ONCE]
        batch = tokenizer.pad({"input_ids": [rows[row] for row in chosen]}, return_tensors="pt")
        mask = batch["attention_mask"]
        states = network(input_ids=batch["input_ids"], attention_mask=mask)[0] * mask[..., None]
        means = states.sum(dim=1) / mask.sum(dim=1, keepdim=True)
        vectors[chosen] = torch.nn.functional.normalize(means, dim=1).numpy()
    return vectors


@cache
def _encoder() -> tuple[Any, Any]:
    network, tokenizer, _ = load_weights(DEFAULT_ENCODER, labels=())
    tokenizer.truncation_side = "left"
    return network.eval(), tokenizer
