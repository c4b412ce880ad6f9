"""Records of findings beyond metrics: ranks, time limits, Pareto fronts, learning curves, weak slices, texts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bakeoff.runs.record import Record


class TimeLimit(Record):
    """Standings at the time when the fastest contestant had finished training (with the first seed)."""

    quickest: str
    seconds: float = Field(description="Training time of the fastest contestant, used as the limit for all.")
    metric: Literal["validation accuracy", "validation micro-F1", "validation loss"]
    values: dict[str, float | None] = Field(
        description="Best value of each contestant's evaluations up to then; None: no evaluation yet. Contestants that "
        "are not evaluated during training are left out."
    )
    leader: str | None = Field(description="Contestant with the best value; None if the fastest has no value.")


class Front(Record):
    """A Pareto front: the contestants for which no other is both at least as good and at most as expensive."""

    cost: Literal["training_seconds", "peak_memory_bytes", "trainable_parameters", "model_bytes", "money"]
    members: list[str] = Field(description="The cheapest (and worst) first.")


class Rank(Record):
    """The rank of a contestant by the deciding metric, and how sure it is: from resamples of the test documents."""

    name: str
    rank: int = Field(description="1 is the best; equal values share a rank.")
    low: int = Field(description="Best rank of the confidence interval.")
    high: int
    among_best: list[float] = Field(
        description="Share of the resamples in which it was among the best 1, 2 and 3 (of two contestants: 1 and 2)."
    )


class Overuse(Record):
    """The most overused word of a generated text, compared with the fine-tuning text."""

    word: str
    share: float = Field(description="Share of the words of the generated text.")
    expected: float = Field(description="Share of the words of the fine-tuning text.")


class TextStatistics(Record):
    """Statistics of a generated text, each a share between 0 and 1."""

    repeated_4_grams: float = Field(description="Share of word 4-grams that occurred earlier in the text.")
    distinct_1: float = Field(description="Distinct words / words.")
    distinct_2: float = Field(description="Distinct word pairs / word pairs.")
    known_words: float | None = Field(None, description="Share of the words that occur in the fine-tuning text.")
    overuse: Overuse | None = Field(None, description="None where no word occurs more often than expected.")


class TextAverages(Record):
    """Mean statistics of a contestant's generated texts, with equal weight per text."""

    name: str
    texts: int
    repeated_4_grams: float
    distinct_1: float
    distinct_2: float
    known_words: float | None = None


class LearningCurvePoint(Record):
    """The deciding metric of a contestant that was trained on some of the training rows, or on all of them."""

    rows: int
    value: float
    low: float | None = None
    high: float | None = None
    seconds: float = Field(description="Training time.")


class Forecast(Record):
    """The deciding metric that a training on twice the rows can be expected to reach."""

    rows: int
    value: float
    low: float = Field(description="The interval is for texts like those that were tested.")
    high: float
    confidence: float
    change: float = Field(description="Against the training on all rows.")
    change_low: float = Field(description="The interval is for the very texts that were tested.")
    change_high: float


class LearningCurveLine(Record):
    """The learning curve of a contestant."""

    name: str
    points: list[LearningCurvePoint] = Field(description="By ascending rows; the last one is the contestant itself.")
    forecast: Forecast | None = None
    no_forecast: str = Field("", description="Why there is no forecast.")


class Crossing(Record):
    """Two contestants of which one leads with few rows, and the other one with all."""

    below: str = Field(description="Contestant that leads with fewer rows.")
    above: str = Field(description="Contestant that leads with all rows: the best.")
    rows: int = Field(description="Where the lines cross: on a straight line over the logarithm of the rows.")
    interval: tuple[int | None, int | None] | None = Field(
        None,
        description="Of `rows`; an end is None if it lies below the fewest or above all rows. None: the metric is no "
        "mean over texts.",
    )
    told_below: list[int] = Field(description="Rows with which the first one is told apart as better.")
    told_above: list[int] = Field(description="Rows with which the other one is.")


class LearningCurve(Record):
    """How the deciding metric grows with the training rows."""

    metric: str
    lines: list[LearningCurveLine] = Field(description="In the order of the ranking.")
    crossings: list[Crossing] = Field([], description="Of the best with others.")
    sentences: list[str] = Field([], description="What a reader should know, in words.")


class TextTraits(Record):
    """traits.json: what is known of the test texts besides their labels, to find out where contestants fail."""

    documents: list[str] = Field(description="Names of the texts, in the order of the other lists.")
    texts: list[str] = Field(description="The texts; long ones are cut.")
    traits: dict[str, list[str | None]] = Field(
        description="Trait, such as `length`, `topic` or the name of a column -> the group of each text; null: none."
    )


class SliceText(Record):
    """A text of a slice that was classified wrongly."""

    document: str
    text: str
    label: str
    predicted: str


class WeakSlice(Record):
    """Test texts with something in common, on which a contestant is right less often than on the others."""

    contestant: str
    trait: str = Field(description="Such as `length`, `topic` or the name of a column.")
    value: str
    texts: int
    accuracy: float
    elsewhere: float = Field(description="Accuracy on all other texts.")
    p_value: float = Field(description="One-sided, of Fisher's exact test: that it is as good there as elsewhere.")
    corrected_p_value: float = Field(description="For the number of slices that were looked at (Holm 1979).")
    examples: list[SliceText] = Field([], description="Some of the texts that it got wrong.")


class SliceLead(Record):
    """Test texts with something in common, on which one of two contestants is better than the other."""

    trait: str
    value: str
    texts: int
    better: str
    worse: str
    accuracy: float = Field(description="Of the better one.")
    other_accuracy: float
    p_value: float = Field(description="Two-sided, of McNemar's exact test within the slice.")
    corrected_p_value: float = Field(description="For the number of slices that were looked at (Holm 1979).")


class Slices(Record):
    """Where contestants fail, and where one of two is better."""

    slices: int = Field(description="Number of slices that were looked at.")
    traits: list[str]
    contestants: list[str] = Field(description="Those whose weak slices were looked for: the best, the recommended.")
    pair: list[str] = Field([], description="The two that were compared within slices.")
    weak: list[WeakSlice] = Field([], description="The most certain ones first.")
    leads: list[SliceLead] = Field([], description="Those of the second of the pair first, then the most certain ones.")
    sentences: list[str] = Field([], description="What a reader should know, in words.")
