"""The whole judgement of one classifier, from what it said about the validation and the test side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bakeoff.judge.abstaining import abstaining
from bakeoff.judge.calibration import chance_error, fit_temperature, reliability, with_temperature
from bakeoff.judge.classification import Metric, classification_figures, confusion, log_loss
from bakeoff.judge.label_errors import Suspects, suspects
from bakeoff.judge.per_class import class_scores
from bakeoff.runs.results import Abstaining, Calibration, ClassScore, Confusion, Figure


@dataclass(frozen=True)
class Answers:
    """What a classifier said about one side of the data, before calibration."""

    labels: Sequence[int]  # class indices, shape (texts,)
    probabilities: npt.NDArray[np.float64]  # shape (texts, classes)


@dataclass(frozen=True)
class Judgement:
    """Everything below the temperature is measured on the test side, with calibrated probabilities."""

    temperature: float
    probabilities: npt.NDArray[np.float64]  # of the test side, shape (texts, classes)
    figures: list[Figure]
    confusion: Confusion
    classes: list[ClassScore]
    calibration: Calibration | None
    abstaining: Abstaining
    suspects: Suspects


def judge_classifier(
    validation: Answers,
    test: Answers,
    label_names: Sequence[str],
    *,
    calibrate: bool,
    metric: Metric,
    confidence: float,
    resamples: int,
    seed: int,
) -> Judgement:
    """Calibrate on the validation side, judge on the test side.

    Args:
        calibrate: False for a classifier that was not trained; its probabilities are judged as they are.
        metric: The figure that decides the verdict.
    """
    temperature = fit_temperature(validation.labels, validation.probabilities) if calibrate else 1.0
    probabilities = with_temperature(test.probabilities, temperature)
    matrix = confusion(test.labels, probabilities.argmax(axis=1), label_names)
    return Judgement(
        temperature=temperature,
        probabilities=probabilities,
        figures=classification_figures(
            test.labels,
            probabilities,
            test.probabilities if calibrate else None,
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
        abstaining=abstaining(
            test.labels,
            probabilities,
            validation.labels,
            with_temperature(validation.probabilities, temperature),
            confidence,
        ),
        suspects=suspects(test.labels, probabilities),
    )
