"""Metrics of classifiers that give a text several labels: values, intervals and paired comparisons.

Some metrics exist for one label as well; `Either` finds out which of the two is meant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bakeoff.evaluation import label_calibration, multilabel
from bakeoff.evaluation.intervals import (
    Interval,
    bootstrap_ratio,
    bootstrap_sums,
    paired_bootstrap_ratio,
    paired_bootstrap_sums,
    wilson,
)
from bakeoff.evaluation.metrics import predictions as one_label
from bakeoff.evaluation.metrics.base import Draws, Evidence, Paired
from bakeoff.evaluation.pairing import Units, UnpairedScoresError

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LabelPredictions:
    """A classifier's answers to texts whose labels are known; all arrays have the shape (texts, labels)."""

    truth: Bools
    probabilities: Floats
    chosen: Bools  # the predicted labels


class _Measure(Protocol):
    def value(self, evidence: Evidence, /) -> float | None: ...
    def interval(self, evidence: Evidence, draws: Draws, /) -> Interval | None: ...
    def units(self, scores: pa.Table, protocol: str, /) -> Units: ...
    def compare(self, better: pa.Table, worse: pa.Table, protocol: str, draws: Draws, /) -> Paired | None: ...


@dataclass(frozen=True)
class Averaged:
    """A metric that is the mean of a value of each text, or whose texts have an influence on it."""

    of_texts: Callable[[LabelPredictions], Floats | None]  # None where the metric is not defined

    def value(self, predictions: LabelPredictions) -> float | None:
        values = self.of_texts(predictions)
        return None if values is None else float(values.mean())

    def interval(self, predictions: LabelPredictions, draws: Draws) -> Interval | None:
        values = self.of_texts(predictions)
        return None if values is None else bootstrap_ratio(values, np.ones_like(values), **asdict(draws))

    def units(self, scores: pa.Table, _: str) -> Units:
        names, predictions = label_predictions_of(scores)
        values = self.of_texts(predictions)
        assert values is not None  # else the metric would not have been recorded
        return _text_units(names, values)

    def compare(self, better: pa.Table, worse: pa.Table, _: str, draws: Draws) -> Paired | None:
        _paired(better, worse)
        a, b = self.units(better, _).values, self.units(worse, _).values
        found = paired_bootstrap_ratio(a, b, np.ones_like(a), **asdict(draws))
        return found and Paired(float(a.mean() - b.mean()), *found)


@dataclass(frozen=True)
class Counted:
    """A metric that is a function of how often each label is right, true and predicted."""

    of_counts: Callable[[Floats], Floats]  # takes shape (..., labels, 3)
    slopes: Callable[[Floats], Floats]  # its derivative by each count, shape (labels, 3)

    def value(self, predictions: LabelPredictions) -> float:
        return float(self.of_counts(multilabel.label_counts(predictions.truth, predictions.chosen)))

    def interval(self, predictions: LabelPredictions, draws: Draws) -> Interval:
        return bootstrap_sums(_columns(predictions), self._of_sums, **asdict(draws))

    def units(self, scores: pa.Table, _: str) -> Units:
        """Return for each text the metric plus the text's influence on it (the infinitesimal jackknife, Efron 1982)."""
        names, predictions = label_predictions_of(scores)
        slopes = self.slopes(multilabel.label_counts(predictions.truth, predictions.chosen))
        influence = _columns(predictions) @ slopes.T.ravel() * len(names)
        return _text_units(names, self.value(predictions) + influence)

    def compare(self, better: pa.Table, worse: pa.Table, _: str, draws: Draws) -> Paired | None:
        a, b = _paired(better, worse)
        both = np.concatenate([_columns(a), _columns(b)], axis=1)
        middle = both.shape[1] // 2

        def difference(sums: Floats) -> Floats:
            return self._of_sums(sums[:, :middle]) - self._of_sums(sums[:, middle:])

        found = paired_bootstrap_sums(both, difference, **asdict(draws))
        return found and Paired(self.value(a) - self.value(b), *found)

    def _of_sums(self, sums: Floats) -> Floats:
        return self.of_counts(np.moveaxis(sums.reshape(len(sums), 3, -1), 1, 2))


def _columns(predictions: LabelPredictions) -> Bools:
    """Return where labels are right, then true, then predicted, shape (texts, 3 * labels)."""
    truth, chosen = predictions.truth, predictions.chosen
    return np.concatenate([truth & chosen, truth, chosen], axis=1)


class SubsetAccuracy(Averaged):
    """The share of texts whose labels are all right, whose interval and test are those of shares."""

    def __init__(self) -> None:
        super().__init__(lambda each: multilabel.all_right(each.truth, each.chosen).astype(np.float64))

    def interval(self, predictions: LabelPredictions, draws: Draws) -> Interval:
        right = multilabel.all_right(predictions.truth, predictions.chosen)
        return wilson(int(right.sum()), right.size, draws.confidence)

    def compare(self, better: pa.Table, worse: pa.Table, _: str, draws: Draws) -> Paired | None:
        return one_label.compare_accuracy(better, worse, _, draws)


@dataclass(frozen=True)
class Either:
    """A metric of classifiers that give a text one label, and of those that give it several."""

    one: _Measure
    several: _Measure

    def value(self, evidence: Evidence) -> float | None:
        return self._of(evidence).value(evidence)

    def interval(self, evidence: Evidence, draws: Draws) -> Interval | None:
        return self._of(evidence).interval(evidence, draws)

    def units(self, scores: pa.Table, protocol: str) -> Units:
        return self._in(scores).units(scores, protocol)

    def compare(self, better: pa.Table, worse: pa.Table, protocol: str, draws: Draws) -> Paired | None:
        if has_label_sets(better) != has_label_sets(worse):
            raise UnpairedScoresError("were not evaluated on the same documents")
        return self._in(better).compare(better, worse, protocol, draws)

    def _of(self, evidence: Evidence) -> _Measure:
        return self.several if isinstance(evidence, LabelPredictions) else self.one

    def _in(self, scores: pa.Table) -> _Measure:
        return self.several if has_label_sets(scores) else self.one


MICRO_F1 = Counted(multilabel.micro_f1_of_counts, multilabel.micro_f1_slopes)
MACRO_F1 = Either(one_label.MACRO_F1, Counted(multilabel.macro_f1_of_counts, multilabel.macro_f1_slopes))
WEIGHTED_F1 = Either(one_label.WEIGHTED_F1, Counted(multilabel.weighted_f1_of_counts, multilabel.weighted_f1_slopes))
SAMPLES_F1 = Averaged(lambda each: multilabel.samples_f1(each.truth, each.chosen))
SUBSET_ACCURACY = SubsetAccuracy()
MEAN_AVERAGE_PRECISION = Averaged(lambda each: multilabel.mean_average_precisions(each.truth, each.probabilities))
LOSS = Either(one_label.LOSS, Averaged(lambda each: multilabel.label_losses(each.truth, each.probabilities)))


def expected_calibration_error(evidence: Evidence) -> float:
    if isinstance(evidence, LabelPredictions):
        return label_calibration.calibration_error(evidence.truth, evidence.probabilities)
    return one_label.expected_calibration_error(evidence)


def expected_calibration_error_interval(evidence: Evidence, draws: Draws) -> Interval:
    if isinstance(evidence, LabelPredictions):
        return label_calibration.calibration_error_interval(evidence.truth, evidence.probabilities, **asdict(draws))
    return one_label.expected_calibration_error_interval(evidence, draws)


def has_label_sets(scores: pa.Table) -> bool:
    """Return whether scores.parquet is of a classifier that gives a text several labels."""
    return "label" in scores.column_names and pa.types.is_list(scores.schema.field("label").type)


def label_predictions_of(scores: pa.Table) -> tuple[list[str], LabelPredictions]:
    """Return the names of the texts in order, and the answers to them.

    Args:
        scores: scores.parquet of a classifier that gives a text several labels.
    """
    rows = scores.sort_by("document")
    names = [name.removeprefix("probability_") for name in rows.column_names if name.startswith("probability_")]
    place = {name: number for number, name in enumerate(names)}
    truth, chosen = (np.zeros((len(rows), len(names)), dtype=np.bool_) for _ in range(2))
    for matrix, column in ((truth, "label"), (chosen, "predicted")):
        for row, labels in enumerate(rows[column].to_pylist()):
            matrix[row, [place[label] for label in labels]] = True
    probabilities = np.stack([rows[f"probability_{name}"].to_numpy() for name in names], axis=1)
    return [str(name) for name in rows["document"].to_pylist()], LabelPredictions(truth, probabilities, chosen)


def _paired(better: pa.Table, worse: pa.Table) -> tuple[LabelPredictions, LabelPredictions]:
    (names, a), (others, b) = label_predictions_of(better), label_predictions_of(worse)
    if names != others or not np.array_equal(a.truth, b.truth):
        raise UnpairedScoresError("were not evaluated on the same documents")
    return a, b


def _text_units(names: list[str], values: Floats) -> Units:
    return Units("text", [(name,) for name in names], values, np.ones(len(names)))
