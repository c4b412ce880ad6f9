"""Job and result of one measurement. Imports nothing heavy, because the command line needs it too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Method = Literal["full", "lora"]
Precision = Literal["auto", "fp32", "bf16"]

PREDICTED = "reviews / s predicted"
"""A detail of classifiers beside the time of their training."""


@dataclass(frozen=True)
class Job:
    """One measurement. A measurement that does not need a field ignores it."""

    measure: str  # `trainer.packed` is the function `packed` of peers/trainer.py
    model: str = ""  # a Hugging Face folder; for `prepare.model` a name
    warmup_steps: int = 1  # taken first, and not counted
    steps: int = 1
    # Language models
    text: str = "wikitext-2-part"
    method: Method = "full"
    batch_size: int = 4  # rows or windows; training always takes 4
    validation_lines: int = 32
    rows: int = 24
    characters: int = 24_000  # of the documents that are scored
    new_tokens: int = 100
    # Classifiers
    table: str = ""  # a parquet file with the columns review and sentiment; for `tables.prepare` any table
    table_rows: int | None = None  # use a random sample of so many rows
    embedding_size: int = 100
    hidden_size: int = 256
    share: float = 1.0  # of an epoch that bakeoff trains
    loss_steps: int = 1  # the value is the mean loss of so many first steps
    reviews: int = 1  # how many are scored
    contestant: str = "linear"
    # Both
    precision: Precision = "fp32"
    folder: str = ""  # where `prepare.model` and `tables.prepare` may write


@dataclass
class Measured:
    """Result of a measurement. `seconds` is for one unit: a step, an evaluation, a text."""

    seconds: float
    count: float  # real tokens, or texts, in these seconds
    value: float | None = None  # the loss, perplexity, accuracy ... that was reached
    peak_memory_bytes: int = 0  # of the whole process
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return self.count / self.seconds


class NotAvailable(Exception):  # noqa: N818 - it is no error: the row says what is missing
    """Reason why a peer cannot be measured on this machine."""
