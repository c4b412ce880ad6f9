"""Evaluate a trained classifier, and write the scores of every text and samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bakeoff.data.types import LabeledTexts, SplitTable
from bakeoff.evaluation.classification import text_losses
from bakeoff.evaluation.classifier import Answers, ClassifierEvaluation, evaluate_classifier
from bakeoff.evaluation.config import ClassificationEvaluationConfig
from bakeoff.evaluation.stakes import Stakes
from bakeoff.methods.base import TextModel, UnknownTextError
from bakeoff.runs.folder import ContestantFolder
from bakeoff.runs.results import Sample, WordAttribution
from bakeoff.tasks.attribution import strongest_words
from bakeoff.tasks.classifier import Classifier

FIRST_TEXTS = 5
MISTAKES = 10
LABEL_ISSUES = 50
SHOWN_CHARACTERS = 300


def evaluate(
    model: TextModel,
    data: SplitTable,
    config: ClassificationEvaluationConfig,
    stakes: Stakes,
    *,
    seed: int,
    calibrate: bool,
    attribute: bool = True,
    folder: ContestantFolder,
) -> ClassifierEvaluation:
    """Calibrate a model on the validation split and measure it on the test split; write its scores and samples.

    Under torchrun every process computes the same, and the main process writes.

    Args:
        calibrate: False leaves the probabilities as they are.
        attribute: False marks no words in the samples, which asks the model about hundreds of further texts.
    """
    evaluation = evaluate_classifier(
        Answers(data.validation.labels, model.probabilities(data.validation.texts)),
        Answers(data.test.labels, model.probabilities(data.test.texts)),
        data.label_names,
        calibrate=calibrate,
        stakes=stakes,
        metric=config.metric,
        confidence=config.confidence,
        resamples=config.resamples,
        seed=seed,
    )
    folder.write_scores(_scores(data.test, data.label_names, evaluation, stakes))
    classifier = Classifier(data.label_names, model, evaluation.temperature, stakes.costs)
    # In every process, because a transformer shares its texts out among them and waits for all.
    samples = _samples(classifier, data.test, evaluation, attribute=attribute)
    folder.write_samples(samples)
    return evaluation


def _scores(
    test: LabeledTexts, label_names: Sequence[str], evaluation: ClassifierEvaluation, stakes: Stakes
) -> pa.Table:
    probabilities, issues = evaluation.probabilities, evaluation.label_issues
    suggested: list[str | None] = [None] * len(test)
    for text, suggestion in zip(issues.texts, issues.suggestions, strict=True):
        suggested[text] = label_names[suggestion]
    predictions = stakes.predictions(test.labels, probabilities)
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


def _samples(
    best: Classifier, test: LabeledTexts, evaluation: ClassifierEvaluation, *, attribute: bool
) -> list[Sample]:
    """Return the first test texts, the most confident mistakes, and the labels that may be wrong."""
    probabilities, label_issues = evaluation.probabilities, evaluation.label_issues
    predicted = evaluation.chosen
    wrong = np.flatnonzero(predicted != np.asarray(test.labels))
    worst = wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")][:MISTAKES]

    def sample(row: int, answer: int, kind: str) -> Sample:
        text = test.texts[row]
        shown = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1]
        return Sample.model_validate(
            {
                "prompt": shown if shown == text else shown + "…",
                "label": best.labels[test.labels[row]],
                "predicted": best.labels[answer],
                "probability": float(probabilities[row, answer]),
                "document": test.ids[row],
                "kind": kind,
                "words": _words(best, text, int(answer), len(shown)) if attribute and kind != "label_issue" else [],
            }
        )

    suggestions = zip(
        label_issues.texts[:LABEL_ISSUES].tolist(), label_issues.suggestions[:LABEL_ISSUES].tolist(), strict=True
    )
    return [
        *(sample(row, predicted[row], "first") for row in range(min(FIRST_TEXTS, len(test)))),
        *(sample(row, predicted[row], "mistake") for row in worst.tolist()),
        *(sample(row, suggestion, "label_issue") for row, suggestion in suggestions),
    ]


def _words(best: Classifier, text: str, answer: int, shown: int) -> list[WordAttribution]:
    """Return the words to highlight; none where the model cannot answer without some of them."""
    try:
        return strongest_words(best, text, answer, shown)
    except UnknownTextError:
        return []
