"""Evaluate one classifier from its answers on the validation and test splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.evaluation.calibration import chance_error, fit_temperature, reliability, with_temperature
from bakeoff.evaluation.classification import confusion, log_loss
from bakeoff.evaluation.label_issues import LabelIssues, label_issues
from bakeoff.evaluation.measuring import classification_metrics
from bakeoff.evaluation.per_class import class_scores
from bakeoff.evaluation.selective_prediction import selective_prediction
from bakeoff.evaluation.stakes import Stakes
from bakeoff.runs.results import Calibration, ClassScore, Confusion, MetricValue, OutOfScope, SelectivePrediction

NO_STAKES = Stakes()


@dataclass(frozen=True)
class Answers:
    """A classifier's answers on one split of the data, before calibration."""

    labels: Sequence[int]  # class indices, shape (texts,)
    probabilities: npt.NDArray[np.float64]  # shape (texts, classes)


@dataclass(frozen=True)
class ClassifierEvaluation:
    """The evaluation of a classifier. Everything but the temperature is measured on the test split, calibrated."""

    temperature: float
    probabilities: npt.NDArray[np.float64]  # of the test split, shape (texts, classes)
    chosen: npt.NDArray[np.int64]  # predicted classes, shape (texts,)
    metrics: list[MetricValue]
    confusion: Confusion
    classes: list[ClassScore]
    calibration: Calibration | None
    selective_prediction: SelectivePrediction
    label_issues: LabelIssues
    out_of_scope: OutOfScope | None = None

    @property
    def details(self) -> dict[str, Any]:
        """Return what a `ContestantResult` holds of it."""
        return {
            "metrics": self.metrics,
            "confusion": self.confusion,
            "classes": self.classes,
            "calibration": self.calibration,
            "selective_prediction": self.selective_prediction,
            "label_issues": len(self.label_issues.texts),
            "out_of_scope": self.out_of_scope,
        }

    @property
    def decision(self) -> dict[str, Any]:
        """Return what a saved classifier needs of it."""
        threshold = self.out_of_scope.threshold if self.out_of_scope else None
        return {"temperature": self.temperature, "out_of_scope_threshold": threshold}


def evaluate_classifier(
    validation: Answers,
    test: Answers,
    label_names: Sequence[str],
    *,
    calibrate: bool,
    stakes: Stakes = NO_STAKES,
    metric: str,
    confidence: float,
    resamples: int,
    seed: int,
    calibrated: npt.NDArray[np.float64] | None = None,
) -> ClassifierEvaluation:
    """Calibrate on the validation split and evaluate on the test split.

    Args:
        calibrated: The probabilities of the test split after calibration, where it was done before: by the models of
            the folds. Validation then calibrates, and chooses thresholds for, the model that is kept.
        calibrate: False for a classifier that was not trained; its probabilities are used as they are.
        stakes: What mistakes cost, which changes the predicted labels, and the order of the labels.
        metric: The metric that decides the verdict.
    """
    temperature = fit_temperature(validation.labels, validation.probabilities) if calibrate else 1.0
    probabilities = with_temperature(test.probabilities, temperature) if calibrated is None else calibrated
    predictions = stakes.predictions(test.labels, probabilities)
    matrix = confusion(test.labels, predictions.predicted, label_names)
    return ClassifierEvaluation(
        temperature=temperature,
        probabilities=probabilities,
        chosen=predictions.predicted,
        metrics=classification_metrics(
            predictions,
            stakes.predictions(test.labels, test.probabilities) if calibrate else None,
            metric=metric,
            split="test",
            confidence=confidence,
            resamples=resamples,
            seed=seed,
        ),
        confusion=matrix,
        classes=class_scores(matrix, confidence),
        calibration=Calibration(
            temperature=temperature,
            validation_texts=len(validation.labels),
            loss_before=log_loss(test.labels, test.probabilities),
            chance=chance_error(probabilities),
            bins=reliability(test.labels, probabilities),
            bins_before=reliability(test.labels, test.probabilities),
        )
        if calibrate
        else None,
        selective_prediction=selective_prediction(
            test.labels,
            probabilities,
            validation.labels,
            with_temperature(validation.probabilities, temperature),
            confidence,
            stakes.costs,
        ),
        label_issues=label_issues(test.labels, probabilities),
    )
