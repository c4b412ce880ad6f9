"""A cell of the panel: a program, a table and the time it has. Imports nothing but the standard library."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    texts: list[str]
    labels: list[str]


@dataclass(frozen=True)
class Cell:
    """One measurement. A program learns from the train split only; the validation split may choose and stop."""

    table: str
    program: str
    minutes: float
    cores: int
    splits: str  # folder of train.jsonl, validation.jsonl and test.jsonl, with the columns text and label
    encoder: str  # Hugging Face folder of the encoder that all use that can
    folder: str  # where the program may write

    @property
    def seconds(self) -> float:
        return 60 * self.minutes

    def file(self, split: str) -> Path:
        return Path(self.splits) / f"{split}.jsonl"

    def read(self, split: str) -> Split:
        with self.file(split).open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        return Split([row["text"] for row in rows], [row["label"] for row in rows])


@dataclass(frozen=True)
class Trained:
    predict: Callable[[list[str]], Sequence[str]]
    saved: tuple[Path, ...]  # the files and folders that predicting needs
    notes: dict[str, Any] = field(default_factory=dict)
