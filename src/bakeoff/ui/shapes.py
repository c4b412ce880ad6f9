"""Requests and answers of the page's API. What was found in a file is stored in the same form."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from bakeoff.evaluation.metrics import deciding_metrics
from bakeoff.runs.record import Record
from bakeoff.serve.shapes import Ask, Curves, RunView, Task, Text

Name = Annotated[Text, Field(min_length=1, max_length=500)]
State = Literal["waiting", "running", "stopping", "stopped", "failed", "finished"]


class Problem(Record):
    """What is wrong, and what to do about it."""

    message: str
    hint: str = ""


Value = bool | int | float | str


class Setting(Record):
    """A setting of a contestant, and what it can be."""

    name: str
    meaning: str
    proposed: Value | None = Field(description="What it is if nobody decides; null: the method chooses.")
    values: list[Value] | None = Field(description="Its values, if there are a few.")
    low: float | None = Field(description="Otherwise the lowest number,")
    high: float | None = Field(description="and the highest.")
    whole: bool = Field(description="Only whole numbers.")


class Offered(Record):
    """A contestant that was proposed for a file."""

    name: str
    reason: str
    quick: bool = Field(description="Takes seconds, so it is never left out for lack of time.")
    promise: int = Field(0, description="Where time is short, those with the highest stay.")
    settings: list[Setting]


class Lengths(Record):
    """Lengths of the texts."""

    median: int
    percentile_95: int
    longest: int
    units: Literal["words", "characters"]


class MetricChoice(Record):
    """A metric that can decide the verdict."""

    name: str
    title: str
    meaning: str


class Found(Record):
    """What `bakeoff init` finds in a file."""

    task: Task
    rows: int
    text: list[str] = Field(description="Columns of the texts.")
    label: str | list[str] | None = Field(description="Column of the labels; a list: a column of 0 and 1 for each.")
    multilabel: bool = Field(description="A text can have several labels.")
    split: str | None = Field(description="Column that names the split of each row.")
    english: bool | None = Field(description="Whether the texts are English, for which there are pretrained encoders.")
    epochs: int | None = Field(description="Passes over the training rows; null: the budget is in tokens.")
    metric: str | None = Field(description="The metric that decides the verdict; null: perplexity or loss.")
    metrics: list[MetricChoice] = Field(description="Metrics that could decide it.")
    tested: str = Field(description="Which rows the contestants are tested on, in words.")
    read_as: str = Field(description="Separator, quotes and encoding in words; empty where nothing had to be found.")
    classes: dict[str, int] = Field(description="Rows by label, the most frequent label first.")
    lengths: Lengths
    skipped: dict[str, int] = Field(description="Rows that are not used, by the reason.")
    duplicate_texts: int
    near_duplicate_texts: int
    notes: list[str]
    reasons: list[str] = Field(description="Why these columns.")
    lineup: list[Offered]


class Look(Record):
    """A look into a file: its first rows, and what was found or is wrong."""

    columns: list[str]
    rows: list[list[str]] = Field(description="The first rows, with long cells cut.")
    lines: bool = Field(False, description="The file has no columns to choose from: its rows are lines of text.")
    found: Found | None = None
    problem: Problem | None = None


class FileView(Record):
    """An uploaded file."""

    id: str
    name: str = Field(description="As the client called it.")
    size: int = Field(description="In bytes.")
    created: float = Field(description="Seconds since 1970.")


class FileChoices(Ask):
    """What somebody decided about a file; what is left out is as found or proposed."""

    text: list[Name] = Field([], max_length=20, description="Columns of the texts.")
    label: Name | None = Field(None, description="Column of the labels.")
    test: float | None = Field(None, ge=0.05, le=0.5, description="Share of the rows to test on.")
    folds: int | None = Field(None, ge=2, le=20, description="Test on all rows, in so many folds.")
    metric: Name | None = Field(None, description="The metric that decides the verdict.")
    epochs: int | None = Field(None, ge=1, le=1000, description="Passes over the training rows.")
    repeats: int | None = Field(None, ge=1, le=20, description="Trainings of each contestant, with different seeds.")
    english: bool | None = Field(None, description="Whether the texts are English.")
    settings: dict[Name, dict[Name, Value]] = Field(
        {}, max_length=50, description="Settings by contestant, of those that are offered."
    )

    @field_validator("metric")
    @classmethod
    def _decides(cls, metric: str | None) -> str | None:
        if metric is not None and metric not in deciding_metrics("classification"):
            raise ValueError(f"must be one of {', '.join(deciding_metrics('classification'))}")
        return metric

    @model_validator(mode="after")
    def _has_one_split(self) -> FileChoices:
        if self.test is not None and self.folds is not None:
            raise ValueError("`test` and `folds` exclude each other")
        return self


class FileLook(FileView):
    look: Look
    choices: FileChoices


class ConfigText(Record):
    """A config as it would be run."""

    yaml: str


class ForecastView(Record):
    """The forecast of `bakeoff plan` for all contestants that were proposed."""

    state: Literal["none", "measuring", "ready", "failed"]
    seconds: dict[str, float] = Field({}, description="Of each contestant, all its trainings included.")
    reading_seconds: float = Field(0.0, description="For reading the data.")
    memory_bytes: int = 0
    warnings: list[str] = Field([], description="What will not fit into memory or on the disk.")
    problem: Problem | None = None
    chosen: list[str] | None = Field(
        None, description="The contestants that are within the minutes asked for; null as long as that is not known."
    )


class NewBakeoff(Ask):
    """A bake-off of contestants that were proposed for a file. Their settings are those of the proposals."""

    file: Name
    contestants: list[Name] = Field(min_length=1, max_length=50)


class BakeoffView(Record):
    """A bake-off in its present state."""

    id: str
    file: str | None = Field(description="The id of its file; null if that was removed.")
    name: str
    created: float = Field(description="Seconds since 1970.")
    state: State
    ahead: int = Field(0, description="Bake-offs that are run before it, if it waits.")
    seconds: float | None = Field(None, description="Since it was started or resumed, while it runs.")
    forecast: dict[str, float] = Field({}, description="Seconds by contestant; empty if nothing was measured.")
    contestants: list[str]
    current: str | None = Field(None, description="The contestant whose turn it is.")
    share: float = Field(0.0, description="Of the work that is done, as far as can be told (0 to 1).")
    problem: Problem | None = None
    can_resume: bool = False
    command: str = Field(description="Repeats it.")
    winner: str | None = Field(
        None, description="The recommended contestant, or else the best, which can be downloaded."
    )
    run: RunView | None = Field(None, description="None until the data have been read.")


class BakeoffProgress(BakeoffView):
    curves: list[Curves] = Field(
        description="Contestants that have trained at least one step; empty once it has finished."
    )


class Files(Record):
    data: list[FileView]
    largest_bytes: int = Field(description="The largest file that is taken.")
    most_rows: int = Field(description="The most rows that are taken.")


class Bakeoffs(Record):
    data: list[BakeoffView]
