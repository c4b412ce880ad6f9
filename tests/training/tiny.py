"""A learner that trains in milliseconds, and a progress that keeps messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from bakeoff.training.learner import LossSum, Validation
from bakeoff.training.progress import Progress


@dataclass(frozen=True)
class TinyBatch:
    """Inputs of shape (rows, 4) and targets of shape (rows, 1)."""

    inputs: torch.Tensor
    targets: torch.Tensor

    @property
    def count(self) -> int:
        return len(self.inputs)

    @property
    def tokens(self) -> int:
        return len(self.inputs)

    def split(self, parts: int) -> list[TinyBatch]:
        pieces = (values.tensor_split(min(parts, self.count)) for values in (self.inputs, self.targets))
        return [TinyBatch(*piece) for piece in zip(*pieces, strict=True)]


class TinyLearner:
    """Fits random targets with a two-layer network with dropout."""

    def __init__(self, *, micro_batches: int = 1, dropout: float = 0.1, rows: int = 48, batch_size: int = 8) -> None:
        torch.manual_seed(0)
        self.model = torch.nn.Sequential(
            torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Dropout(dropout), torch.nn.Linear(16, 1)
        )
        self.inputs, self.targets = torch.randn(rows, 4), torch.randn(rows, 1)
        self.micro_batches, self.batch_size = micro_batches, batch_size

    def steps(self, epoch: int) -> Sequence[Sequence[TinyBatch]]:
        order = torch.randperm(len(self.inputs), generator=torch.Generator().manual_seed(epoch))
        return [
            [TinyBatch(self.inputs[part], self.targets[part]) for part in _uneven(rows, self.micro_batches)]
            for rows in order.split(self.batch_size)
        ]

    def loss(self, batch: TinyBatch) -> LossSum:
        parameter = next(self.model.parameters())
        errors = self.model(batch.inputs.to(parameter.dtype)).float() - batch.targets
        return LossSum(errors.square().sum())

    def validate(self) -> Validation:
        parameter = next(self.model.parameters())
        errors = self.model(self.inputs.to(parameter.dtype)).float() - self.targets
        return Validation(float(errors.square().mean()))

    def save_model(self, folder: Path, weights: dict[str, torch.Tensor]) -> None:
        save_file({name: weight.clone() for name, weight in weights.items()}, folder / "model.safetensors")


def _uneven(rows: torch.Tensor, parts: int) -> list[torch.Tensor]:
    """Divide rows into micro-batches of different sizes, for which a mean of their means is the wrong gradient."""
    if parts == 1:
        return [rows]
    return [rows[:1], *rows[1:].tensor_split(parts - 1)]


class Listener(Progress):
    """Keeps the messages of a training."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)
