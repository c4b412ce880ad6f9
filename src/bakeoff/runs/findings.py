"""What the judge finds beside metrics: who leads under a time limit, who is worth the cost, how texts vary."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bakeoff.runs.record import Record


class TimeLimit(Record):
    """Where the contestants stood when the quickest of them had been trained (with the first seed)."""

    quickest: str
    seconds: float = Field(description="Its training time, the limit for all.")
    metric: Literal["validation accuracy", "validation loss"]
    values: dict[str, float | None] = Field(
        description="Best value of each contestant's evaluations up to then; None: there was none yet. Contestants "
        "that are not evaluated while they learn are left out."
    )
    leader: str | None = Field(description="Who has the best value; None where the quickest has no value.")


class Front(Record):
    """The contestants for which nobody else is both at least as good and at most as expensive (Pareto)."""

    cost: Literal["training_seconds", "peak_memory_bytes", "trainable_parameters", "model_bytes"]
    members: list[str] = Field(description="The cheapest, and worst, of them first.")


class Overuse(Record):
    """The word that a text uses most beyond what the fine-tuning text would make one expect."""

    word: str
    share: float = Field(description="Of the words of the generated text.")
    expected: float = Field(description="Of the words of the fine-tuning text.")


class TextStatistics(Record):
    """Figures about a generated text, each a share between 0 and 1."""

    repeated_4_grams: float = Field(description="Share of 4-grams of words that occurred before in the text.")
    distinct_1: float = Field(description="Distinct words / words.")
    distinct_2: float = Field(description="Distinct word pairs / word pairs.")
    known_words: float | None = Field(None, description="Share of the words that occur in the fine-tuning text.")
    overuse: Overuse | None = Field(None, description="None where no word occurs more often than expected.")


class TextAverages(Record):
    """Means of the metrics about a contestant's generated texts, each text counting alike."""

    name: str
    texts: int
    repeated_4_grams: float
    distinct_1: float
    distinct_2: float
    known_words: float | None = None
