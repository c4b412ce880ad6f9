"""Records of the forecast that `bakeoff plan` prints. They are not written to disk."""

from __future__ import annotations

from pydantic import Field

from bakeoff.runs.record import Record
from bakeoff.targets import load_target


class ContestantPlan(Record):
    """Forecast of time, memory and disk for one contestant. Times are wall-clock seconds."""

    name: str
    method: str
    seeds: int = Field(1, description="Number of trainings, one per seed. The values below are for one of them.")
    folds: int = Field(0, description="Each seed is trained once per fold, and once more on all rows.")
    parts: int = Field(0, description="Each seed is also trained on this many parts of the rows, for a learning curve.")
    trainings: float = Field(
        1.0, description="Time of all trainings of a seed / that of one, of a fold if there are any."
    )
    epochs: float = Field(0, description="Passes over the training split; 0.5 is half of one.")
    steps: int = 0
    tokens: int = Field(0, description="Training tokens; padding is not counted.")
    token_unit: str = Field("tokens", description="What its training tokens are: words, or tokens of a model.")
    training_seconds: float = 0.0
    evaluation_seconds: float = Field(description="Validation, evaluation on the test split, generation of texts.")
    total_seconds: float = Field(description="Preparing, training, evaluating, saving.")
    peak_memory_bytes: int = Field(description="Peak resident set of the process, or peak allocations of a GPU.")
    model_bytes: int = Field(description="Size of model/ on disk.")
    disk_bytes: int = Field(description="Peak use of disk space: models and checkpoints, old and new.")
    trainable_parameters: int | None = Field(description="None where only a complete fit would tell.")
    total_parameters: int | None
    requests: int = Field(0, description="Answers to ask from a metered service.")
    input_tokens: int = Field(0, description="Tokens of their prompts, estimated.")
    output_tokens: int = Field(0, description="Tokens of the answers, estimated.")
    money: float | None = Field(None, description="USD, estimated; None: no prices are given.")
    notes: list[str] = Field([], description="Sentences about how it was measured, and what limits the training.")

    @property
    def trained(self) -> int:
        """The number of trainings: of every seed, on all rows, on every fold and every part."""
        return self.seeds * (self.folds + self.parts + 1)

    @property
    def all_seconds(self) -> float:
        """The time of all trainings."""
        return self.seeds * self.trainings * self.total_seconds


class Plan(Record):
    """Forecast for a bake-off, and the resources of this machine."""

    name: str
    task: str
    contestants: list[ContestantPlan]
    total_seconds: float = Field(description="For reading the data and for all contestants.")
    peak_memory_bytes: int
    disk_bytes: int = Field(description="Peak use of disk space.")
    accelerator: str | None = Field(None, description="GPU that was measured on; the memory is then the GPU's.")
    available_memory_bytes: int = Field(description="Memory that this process may use in total.")
    free_disk_bytes: int
    measuring_seconds: float = Field(description="Time it took to make the plan.")
    warnings: list[str] = Field([], description="Sentences about what will not fit, and what to change.")

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return str(load_target("bakeoff.report.notebook:plan_html")(self))
