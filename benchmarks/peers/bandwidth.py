"""The speed at which this machine reads memory: the limit of generation, which reads all weights for every token."""

from __future__ import annotations

import time
from typing import Any

import torch

_BYTES = 1 << 30


def read_bytes_per_second() -> float:
    """Return how fast all threads together read a gigabyte: the best of five times."""
    numbers = torch.ones(_BYTES // 4)
    best = 0.0
    for _ in range(5):
        started = time.perf_counter()
        numbers.sum()
        best = max(best, _BYTES / (time.perf_counter() - started))
    return best


def read_weights(model: Any) -> int:
    """Return how many weights a token needs: all but an embedding that is not the output layer as well."""
    count = sum(int(weight.numel()) for weight in model.parameters())
    embedding = model.get_input_embeddings().weight
    return count if embedding is model.get_output_embeddings().weight else count - int(embedding.numel())
