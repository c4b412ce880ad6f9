"""What a bake-off will take, as typed records: printed by `bakeoff plan`, written nowhere."""

from __future__ import annotations

from pydantic import Field

from bakeoff.runs.record import Record


class ContestantPlan(Record):
    """What one contestant will take. Times are seconds of wall clock."""

    name: str
    method: str
    seeds: int = Field(1, description="Trainings, one with each seed. Everything below is what one of them takes.")
    epochs: float = Field(0, description="Passes over the training side; 0.5 is half of one.")
    steps: int = 0
    tokens: int = Field(0, description="Training tokens; padding is not counted.")
    token_unit: str = Field("tokens", description="What its training tokens are: words, or tokens of a model.")
    training_seconds: float = 0.0
    evaluation_seconds: float = Field(description="Validating, evaluating the test side, writing texts.")
    total_seconds: float = Field(description="Preparing, training, evaluating, saving.")
    peak_memory_bytes: int = Field(description="Of the process, or of a GPU's allocations.")
    model_bytes: int = Field(description="Size of model/ on disk.")
    disk_bytes: int = Field(description="Most that lies on the disk at a time: models and checkpoints, old and new.")
    trainable_parameters: int | None = Field(description="None where only the whole fit would tell.")
    total_parameters: int | None
    notes: list[str] = Field([], description="How it was measured, and what limits the training.")


class Plan(Record):
    """What a bake-off will take, and what this machine has."""

    name: str
    task: str
    contestants: list[ContestantPlan]
    total_seconds: float = Field(description="Of reading the data and of all contestants.")
    peak_memory_bytes: int
    disk_bytes: int = Field(description="Most that lies on the disk at a time.")
    available_memory_bytes: int = Field(description="What this process may take in all.")
    free_disk_bytes: int
    measuring_seconds: float = Field(description="What making the plan took.")
    warnings: list[str] = Field([], description="What will not fit, and what to change.")
