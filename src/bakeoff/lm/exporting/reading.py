"""An exported language model as another program reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from bakeoff.lm.batching import TokenBatch, batches_of_rows
from bakeoff.lm.perplexity import Forward
from bakeoff.lm.scoring_plan import Row


@dataclass(frozen=True)
class ReadBack:
    """The written files, loaded again with nothing else."""

    program: str  # with its version: "onnxruntime 1.32.0"
    tokenizer: Any
    forward: Forward
    try_it: str  # a command that uses the files in {folder}


class RuntimeForward:
    """A graph from token ids to logits, as scoring runs it."""

    def __init__(self, logits: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]]) -> None:
        """
        Args:
            logits: From ids of shape (rows, length) to logits of shape (rows, length, vocabulary).
        """
        self._logits = logits

    def batches(self, rows: Sequence[Row], batch_tokens: int) -> Iterator[tuple[list[int], TokenBatch]]:
        """Put rows into batches, padded on the right."""
        return batches_of_rows(rows, batch_tokens)

    def losses(self, batch: TokenBatch) -> torch.Tensor:
        """Return the loss of each target in nats, shape (targets,)."""
        logits = torch.from_numpy(self._logits(batch.input_ids.numpy())).flatten(0, 1)
        return F.cross_entropy(logits.index_select(0, batch.predicted).float(), batch.targets, reduction="none")
