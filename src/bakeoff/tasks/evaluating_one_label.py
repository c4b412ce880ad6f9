"""Evaluate a classifier that gives a text one label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bakeoff.data.types import OutOfScopeTexts
from bakeoff.evaluation.calibration import with_temperature
from bakeoff.evaluation.choosing import choose
from bakeoff.evaluation.classification import text_losses
from bakeoff.evaluation.classifier import Answers, ClassifierEvaluation, evaluate_classifier
from bakeoff.evaluation.out_of_scope import choose_threshold, measure, scores_table
from bakeoff.evaluation.stakes import Stakes
from bakeoff.methods.base import TextModel, UnknownTextError
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.results import ContestantResult, OutOfScope, Sample
from bakeoff.tasks.classifier import Classifier
from bakeoff.tasks.evaluating import FIRST_TEXTS, MISTAKES, Array, Evaluator, Shown, shortened

LABEL_ISSUES = 50


@dataclass(frozen=True)
class OneLabel(Evaluator[ClassifierEvaluation]):
    """Evaluates probabilities that add up to 1."""

    stakes: Stakes

    def measure(self, validation: Array, test: Array, calibrated: Array | None = None) -> ClassifierEvaluation:
        data = self.data
        return evaluate_classifier(
            Answers(data.validation.labels, validation),
            Answers(data.test.labels, test),
            data.label_names,
            calibrate=self.calibrate,
            stakes=self.stakes,
            metric=self.config.deciding(multilabel=False),
            confidence=self.level,
            resamples=self.config.resamples,
            seed=self.seed,
            calibrated=calibrated,
        )

    def of_folds(self, results: Sequence[ContestantResult], scores: Sequence[pa.Table]) -> tuple[Array, Array]:
        names = [f"probability_{name}" for name in self.data.label_names]
        after = [np.stack([table[name].to_numpy() for name in names], axis=1) for table in scores]
        before = [
            with_temperature(table, 1 / _temperature(result)) for table, result in zip(after, results, strict=True)
        ]
        return np.concatenate(before), np.concatenate(after)

    def measure_more(
        self, evaluation: ClassifierEvaluation, model: TextModel, validation: Array, folder: ContestantFolder
    ) -> ClassifierEvaluation:
        if (texts := self.data.out_of_scope) is None:
            return evaluation
        return replace(evaluation, out_of_scope=self._out_of_scope(texts, evaluation, model, validation, folder))

    def _out_of_scope(
        self,
        texts: OutOfScopeTexts,
        evaluation: ClassifierEvaluation,
        model: TextModel,
        validation: Array,
        folder: ContestantFolder,
    ) -> OutOfScope | None:
        """Choose the threshold of the confidence and measure it, and write the confidence in every test text.

        Returns:
            None where the model has no answers for such texts.
        """
        try:
            answers = [model.probabilities(part.texts) for part in (texts.choosing, texts.test)]
        except UnknownTextError:
            return None
        if folder.answers:  # kept for those that build on the model, who ask the same
            folder.answers += zip((texts.choosing.texts, texts.test.texts), answers, strict=True)
        data, costs = self.data, self.stakes.costs
        choosing, tested, known = (with_temperature(each, evaluation.temperature) for each in (*answers, validation))
        right = choose(known, costs) == np.asarray(data.validation.labels)
        threshold = choose_threshold(known.max(axis=1), right, choosing.max(axis=1))
        names = data.label_names
        table = scores_table(
            [*data.test.ids, *texts.test.ids],
            [*(names[label] for label in data.test.labels), *[texts.label] * len(texts.test)],
            [names[label] for label in (*evaluation.chosen, *choose(tested, costs))],
            np.concatenate([evaluation.probabilities.max(axis=1), tested.max(axis=1)]),
            threshold,
            texts.label,
        )
        folder.write_out_of_scope(table)
        return measure(
            table,
            texts.label,
            threshold,
            len(texts.choosing),
            confidence=self.config.confidence,
            resamples=self.config.resamples,
            seed=self.seed,
        )

    def classifier(self, model: TextModel, measured: ClassifierEvaluation | ContestantResult) -> Classifier:
        return Classifier(self.data.label_names, model, _temperature(measured), self.stakes.costs)

    def scores(self, evaluation: ClassifierEvaluation) -> pa.Table:
        test, label_names = self.data.test, self.data.label_names
        probabilities, issues = evaluation.probabilities, evaluation.label_issues
        suggested: list[str | None] = [None] * len(test)
        for text, suggestion in zip(issues.texts, issues.suggestions, strict=True):
            suggested[text] = label_names[suggestion]
        predictions = self.stakes.predictions(test.labels, probabilities)
        more: dict[str, npt.NDArray[Any]] = {}
        if predictions.costs is not None:
            more["cost"] = predictions.costs
        if predictions.ranks is not None:
            more["label_rank"], more["predicted_rank"] = predictions.ranks
        return pa.table(
            {
                "document": test.ids,
                "label": [label_names[label] for label in test.labels],
                "predicted": [label_names[label] for label in evaluation.chosen],
                "loss": text_losses(test.labels, probabilities),
                "suggested_label": pa.array(suggested, pa.string()),
                **more,
                **{f"probability_{name}": probabilities[:, number] for number, name in enumerate(label_names)},
            }
        )

    def samples(self, evaluation: ClassifierEvaluation) -> list[Shown]:
        """Return the first test texts, the most confident mistakes, and the labels that may be wrong."""
        test, labels = self.data.test, self.data.label_names
        probabilities, predicted, issues = evaluation.probabilities, evaluation.chosen, evaluation.label_issues
        wrong = np.flatnonzero(predicted != np.asarray(test.labels))
        worst = wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")][:MISTAKES]

        def shown(row: int, answer: int, kind: str) -> Shown:
            text, length = shortened(test.texts[row])
            sample = Sample.model_validate(
                {
                    "prompt": text,
                    "label": labels[test.labels[row]],
                    "predicted": labels[answer],
                    "probability": float(probabilities[row, answer]),
                    "document": test.ids[row],
                    "kind": kind,
                }
            )
            return Shown(sample, row, int(answer) if kind != "label_issue" else None, length)

        suggestions = zip(issues.texts[:LABEL_ISSUES].tolist(), issues.suggestions[:LABEL_ISSUES].tolist(), strict=True)
        return [
            *(shown(row, predicted[row], "first") for row in range(min(FIRST_TEXTS, len(test)))),
            *(shown(row, predicted[row], "mistake") for row in worst.tolist()),
            *(shown(row, suggestion, "label_issue") for row, suggestion in suggestions),
        ]


def _temperature(measured: ClassifierEvaluation | ContestantResult) -> float:
    return measured.calibration.temperature if measured.calibration else 1.0
