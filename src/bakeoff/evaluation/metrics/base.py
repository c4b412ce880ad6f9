"""Metric: one row for each measure of quality, with everything the package knows of it.

Config loading reads these rows, so this module and `rows.py` import nothing heavy: functions are named as
`"module:function"` and imported at their first call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from bakeoff.evaluation.metrics.differences import Difference
from bakeoff.targets import load_target

if TYPE_CHECKING:
    import pyarrow as pa

    from bakeoff.evaluation.pairing import Units

Evidence = Any
"""The measurement that a metric is computed from: `predictions.Predictions` of a classifier,
`multilabel.LabelPredictions` of one that gives a text several labels, a `CorpusLoss`, or `answers.Values` of generated
answers."""

Interval = tuple[float, float]

Labels = Literal["one", "several", "both"]


class CorpusLoss(Protocol):
    """The cost of a text for a language model under one perplexity protocol (`bakeoff.lm.perplexity.Perplexity`)."""

    @property
    def protocol(self) -> str: ...

    @property
    def perplexity(self) -> float: ...

    @property
    def word_perplexity(self) -> float: ...

    @property
    def byte_perplexity(self) -> float: ...

    @property
    def bits_per_byte(self) -> float: ...

    @property
    def interval(self) -> Interval:
        """Of the perplexity; (nan, nan) where there is nothing to resample."""
        ...

    @property
    def interval_unit(self) -> str: ...


@dataclass(frozen=True)
class Draws:
    """Settings of an interval."""

    confidence: float  # e.g. 0.95
    resamples: int
    seed: int


@dataclass(frozen=True)
class Paired:
    """A paired difference of two contestants, the better one minus the worse one."""

    difference: float
    interval: Interval
    p_value: float  # two-sided, that there is no difference


@dataclass(frozen=True)
class PairedComparison:
    """The comparison of two contestants by a metric on the same documents."""

    compare: Callable[[pa.Table, pa.Table, str, Draws], Paired | None]
    """Takes scores.parquet of both and the recorded protocol. Returns None for a single unit of text; raises
    `pairing.UnpairedScoresError` for scores of different documents."""
    difference: Difference  # how the difference reads in tables and sentences
    test: Literal["McNemar", "bootstrap"] = "bootstrap"  # where the p-value comes from


@dataclass(frozen=True)
class MetricProtocol:
    """One way of measuring a metric, where there are several."""

    name: str
    settings: str  # in brackets, as recorded: `(bins=15)`
    meaning: str
    uncalibrated: bool = False  # measured on the probabilities before temperature scaling


@dataclass(frozen=True)
class Metric:
    """A measure of quality."""

    name: str  # in configs and result.json
    title: str  # in the middle of a sentence: `macro-F1`
    task: Literal["classification", "language-model"]
    meaning: str  # a sentence or two for readers
    higher_is_better: bool
    value: Callable[[Evidence], float | None]  # None where the metric is not defined
    interval: Callable[[Evidence, Draws], Interval | None] | None = None
    interval_meaning: str = ""  # e.g. `bootstrap over {unit}s.`; `unit` is what was resampled
    units: Callable[[pa.Table, str], Units] | None = None
    """From scores.parquet and the recorded protocol, the units of text whose weighted mean the metric (or its
    logarithm) is. With them, means over several seeds have intervals and paired differences."""
    paired: PairedComparison | None = None  # None: the metric cannot decide a verdict
    unpaired_because: str = ""
    settings: Callable[[Evidence], str] | None = None  # of its protocol, in brackets: `(false_negative=10)`
    labels: Labels = "one"  # how many a text has, where the metric is defined
    meaning_for_several: str = ""  # `meaning` where a text can have several labels, if it is another
    main: bool = True  # in every comparison; the others only where they decide, and in a fold-out of the report
    protocols: tuple[MetricProtocol, ...] = ()  # of a metric of labels or answers; empty: one, named like the metric
    of_answers: bool = False  # measured on generated answers; its evidence is `evaluation.answers.Values`
    needs_whole_text: bool = False  # defined only by perplexity protocols that predict every token
    logarithmic: bool = False  # means and intervals are taken of its logarithm
    bounds: tuple[float, float] = (-math.inf, math.inf)  # the values that it can have
    fewest_labels: int = 0  # that must occur among the texts, or it has no value
    needs_probabilities: bool = True  # to compare contestants by it; else `scores_needed` leaves them out

    @property
    def heading(self) -> str:
        """The title at the beginning of a line: `Macro-F1`."""
        return self.title[0].upper() + self.title[1:]

    @property
    def counted(self) -> str:
        """What the metric is counted over: `text` for classifiers, `document` or `answer` for language models."""
        if self.of_answers:
            return "answer"
        return "text" if self.task == "classification" else "document"

    def mean(self, values: Sequence[float]) -> float:
        """Return the mean of the values of several seeds: of a logarithmic metric, exp of the mean logarithm."""
        if self.logarithmic:
            return math.exp(math.fsum(map(math.log, values)) / len(values))
        return math.fsum(values) / len(values)

    def from_units(self, ends: Interval) -> Interval:
        """Return an interval of the metric from one of the mean of its units."""
        low, high = (math.exp(end) for end in ends) if self.logarithmic else ends
        return max(self.bounds[0], low), min(self.bounds[1], high)


def lazy(target: str) -> Callable[..., Any]:
    """Return a function that imports `"module:function"` when it is called."""

    def call(*arguments: Any) -> Any:
        return load_target(target)(*arguments)

    return call
