"""Evaluate a classifier that gives a text several labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bakeoff.evaluation.label_calibration import with_temperatures
from bakeoff.evaluation.label_classifier import LabelAnswers, LabelEvaluation, evaluate_label_classifier
from bakeoff.evaluation.metrics.multilabel import label_predictions_of
from bakeoff.evaluation.multilabel import label_losses
from bakeoff.methods.base import TextModel
from bakeoff.runs.results import ContestantResult, Sample
from bakeoff.tasks.classifier import Classifier, LabelDecision
from bakeoff.tasks.evaluating import FIRST_TEXTS, MISTAKES, Array, Evaluator, Shown, shortened

NO_LABEL = "none"
"""What a reader sees in place of the labels of a text without any."""

Answered = tuple[Array, npt.NDArray[np.bool_]]
"""Calibrated probabilities and predicted labels."""


@dataclass(frozen=True)
class SeveralLabels(Evaluator[LabelEvaluation]):
    """Evaluates a probability of each label."""

    choose_thresholds: bool  # False predicts every label from 0.5 on, whatever the config says

    def measure(self, validation: Array, test: Array, calibrated: Answered | None = None) -> LabelEvaluation:
        data = self.data
        return evaluate_label_classifier(
            LabelAnswers(data.validation.sets, validation),
            LabelAnswers(data.test.sets, test),
            data.label_names,
            calibrate=self.calibrate,
            threshold=self.config.threshold if self.choose_thresholds else 0.5,
            metric=self.config.deciding(multilabel=True),
            confidence=self.level,
            resamples=self.config.resamples,
            seed=self.seed,
            answered=calibrated,
        )

    def of_folds(self, results: Sequence[ContestantResult], scores: Sequence[pa.Table]) -> tuple[Array, Answered]:
        before, after, chosen = [], [], []
        for result, table in zip(results, scores, strict=True):
            names, predictions = label_predictions_of(table)
            place = {name: number for number, name in enumerate(names)}
            order = [place[str(name)] for name in table["document"].to_pylist()]  # from sorted to that of the fold
            after.append(predictions.probabilities[order])
            chosen.append(predictions.chosen[order])
            before.append(with_temperatures(after[-1], [1 / (score.temperature or 1.0) for score in result.classes]))
        return np.concatenate(before), (np.concatenate(after), np.concatenate(chosen))

    def classifier(self, model: TextModel, measured: LabelEvaluation | ContestantResult) -> Classifier:
        temperatures = [score.temperature or 1.0 for score in measured.classes]
        thresholds = [score.threshold or 0.5 for score in measured.classes]
        return Classifier(self.data.label_names, model, decision=LabelDecision(temperatures, thresholds))

    def scores(self, evaluation: LabelEvaluation) -> pa.Table:
        labels, test = self.data.label_names, self.data.test

        def names(matrix: npt.NDArray[np.bool_]) -> pa.Array:
            lists = [[name for name, has in zip(labels, row, strict=True) if has] for row in matrix.tolist()]
            return pa.array(lists, pa.list_(pa.string()))

        return pa.table(
            {
                "document": test.ids,
                "label": names(test.sets),
                "predicted": names(evaluation.chosen),
                "loss": label_losses(test.sets, evaluation.probabilities),
                **{f"probability_{name}": evaluation.probabilities[:, number] for number, name in enumerate(labels)},
            }
        )

    def samples(self, evaluation: LabelEvaluation) -> list[Shown]:
        """Return the first test texts, and those with the most confident mistakes."""
        test, labels = self.data.test, self.data.label_names
        truth, chosen, probabilities = test.sets, evaluation.chosen, evaluation.probabilities
        confidence = np.where(chosen, probabilities, 1 - probabilities)  # in each decision
        mistaken = np.where(truth != chosen, confidence, -1.0)
        worst = np.argsort(-mistaken.max(axis=1), kind="stable")[:MISTAKES]

        def written(row: npt.NDArray[np.bool_]) -> str:
            return ", ".join(name for name, has in zip(labels, row, strict=True) if has) or NO_LABEL

        def shown(row: int, label: int, kind: str) -> Shown:
            text, length = shortened(test.texts[row])
            sample = Sample.model_validate(
                {
                    "prompt": text,
                    "label": written(truth[row]),
                    "predicted": written(chosen[row]),
                    "probability": float(confidence[row, label]),
                    "document": test.ids[row],
                    "kind": kind,
                    "explained": labels[label],
                }
            )
            return Shown(sample, row, label, length)

        first = range(min(FIRST_TEXTS, len(test)))
        return [
            *(shown(row, int(probabilities[row].argmax()), "first") for row in first),
            *(shown(row, int(mistaken[row].argmax()), "mistake") for row in worst.tolist() if mistaken[row].max() >= 0),
        ]
