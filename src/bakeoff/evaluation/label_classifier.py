"""Evaluate one classifier that gives a text several labels, from its answers on the validation and test splits."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import expit, logit

from bakeoff.evaluation.label_calibration import (
    chance_error,
    fit_temperatures,
    label_calibration_errors,
    label_reliability,
    with_temperatures,
)
from bakeoff.evaluation.measuring import classification_metrics
from bakeoff.evaluation.metrics.multilabel import LabelPredictions
from bakeoff.evaluation.multilabel import label_average_precisions, label_counts, label_losses
from bakeoff.evaluation.per_class import class_score
from bakeoff.evaluation.thresholds import best_thresholds, choose_labels
from bakeoff.runs.results import Calibration, ClassScore, Estimate, MetricValue

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LabelAnswers:
    """A classifier's answers on one split of the data, before calibration; shapes (texts, labels)."""

    truth: Bools
    probabilities: Floats


@dataclass(frozen=True)
class LabelEvaluation:
    """The evaluation. Everything but temperatures and thresholds is measured on the test split, calibrated."""

    temperatures: list[float]  # of the labels
    thresholds: list[float]
    probabilities: Floats  # of the test split, shape (texts, labels)
    chosen: Bools  # the predicted labels, shape (texts, labels)
    metrics: list[MetricValue]
    classes: list[ClassScore]
    calibration: Calibration | None

    @property
    def details(self) -> dict[str, Any]:
        """Return what a `ContestantResult` holds of it."""
        return {
            "metrics": self.metrics,
            "classes": self.classes,
            "calibration": self.calibration,
            "multilabel": True,
        }

    @property
    def decision(self) -> dict[str, Any]:
        """Return what a saved classifier needs of it."""
        return {"temperature": 1.0, "temperatures": self.temperatures, "thresholds": self.thresholds}


def evaluate_label_classifier(
    validation: LabelAnswers,
    test: LabelAnswers,
    label_names: Sequence[str],
    *,
    calibrate: bool,
    threshold: float | Literal["f1"],
    metric: str,
    confidence: float,
    resamples: int,
    seed: int,
    answered: tuple[Floats, Bools] | None = None,
) -> LabelEvaluation:
    """Calibrate and choose thresholds on the validation split, and evaluate on the test split.

    Args:
        threshold: One for all labels, or `f1`: of each label, the one of the highest F1.
        answered: Calibrated probabilities and predicted labels of the test split, where the models of folds gave them.
            Validation then serves the model that is kept.
        calibrate: False for a classifier whose probabilities are used as they are.
        metric: The metric that decides the verdict.
    """
    labels = len(label_names)
    temperatures = fit_temperatures(validation.truth, validation.probabilities) if calibrate else [1.0] * labels
    calibrated = with_temperatures(validation.probabilities, temperatures)
    thresholds = best_thresholds(validation.truth, calibrated) if threshold == "f1" else [threshold] * labels
    if answered is None:
        probabilities = with_temperatures(test.probabilities, temperatures)
        chosen = choose_labels(probabilities, thresholds)
    else:
        probabilities, chosen = answered
    return LabelEvaluation(
        temperatures,
        thresholds,
        probabilities,
        chosen,
        metrics=classification_metrics(
            LabelPredictions(test.truth, probabilities, chosen),
            LabelPredictions(test.truth, test.probabilities, chosen) if calibrate else None,
            metric=metric,
            split="test",
            confidence=confidence,
            resamples=resamples,
            seed=seed,
        ),
        classes=_label_scores(test.truth, probabilities, chosen, label_names, temperatures, thresholds, confidence),
        calibration=Calibration(
            temperature=statistics.median(temperatures),
            validation_texts=len(validation.truth),
            loss_before=float(label_losses(test.truth, test.probabilities).mean()),
            chance=chance_error(probabilities),
            bins=label_reliability(test.truth, probabilities),
            bins_before=label_reliability(test.truth, test.probabilities),
        )
        if calibrate
        else None,
    )


def _label_scores(
    truth: Bools,
    probabilities: Floats,
    chosen: Bools,
    label_names: Sequence[str],
    temperatures: Sequence[float],
    thresholds: Sequence[float],
    confidence: float,
) -> list[ClassScore]:
    errors = label_calibration_errors(truth, probabilities)
    counts = label_counts(truth, chosen).astype(np.int64).tolist()
    precisions = label_average_precisions(truth, probabilities)
    return [
        class_score(name, right, true, predicted, confidence).model_copy(
            update={
                "average_precision": None if values is None else _average_precision(values, confidence),
                "calibration_error": float(error),
                "temperature": temperature,
                "threshold": threshold,
            }
        )
        for name, (right, true, predicted), values, error, temperature, threshold in zip(
            label_names, counts, precisions, errors, temperatures, thresholds, strict=True
        )
    ]


def _average_precision(values: Floats, confidence: float) -> Estimate:
    """Return an average precision with a normal interval on the logit scale, which does not leave 0 to 1.

    Args:
        values: Of each text the average precision plus its influence on it, shape (texts,).
    """
    value = float(values.mean())
    if len(values) < 2 or not 0 < value < 1:
        return Estimate(value=value)
    spread = float(values.std(ddof=1)) / (len(values) ** 0.5 * value * (1 - value))
    half = float(stats.norm.isf((1 - confidence) / 2)) * spread
    low, high = expit(logit(value) - half), expit(logit(value) + half)
    return Estimate(value=value, low=float(low), high=float(high))
