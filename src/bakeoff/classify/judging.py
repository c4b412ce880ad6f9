"""Judging a trained classifier: its answers to the validation and test texts, and what is kept of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bakeoff.classify.classifier import TextModel, load_classifier
from bakeoff.classify.model_config import read_config, write_config
from bakeoff.data.types import LabelledTexts, SplitTable
from bakeoff.judge.classification import text_losses
from bakeoff.judge.judgement import Answers, Judgement, judge_classifier
from bakeoff.judge.label_errors import Suspects
from bakeoff.runs.folder import ContestantFolder
from bakeoff.runs.results import Sample
from bakeoff.spec.schema import ClassificationJudge

FIRST_TEXTS = 5
MISTAKES = 10
SUSPECTS = 50
SHOWN_CHARACTERS = 300


def judge(
    data: SplitTable, rules: ClassificationJudge, seed: int, folder: ContestantFolder
) -> tuple[TextModel, Judgement]:
    """Calibrate and judge the model in `folder`. Its temperature, scores and samples are written beside it.

    Every process of several computes the same; the first one writes.
    """
    model = load_classifier(folder.model).model  # without the temperature that a killed run may have saved
    config = read_config(folder.model)
    judgement = judge_classifier(
        Answers(data.validation.labels, model.probabilities(data.validation.texts)),
        Answers(data.test.labels, model.probabilities(data.test.texts)),
        data.label_names,
        calibrate=config.method != "majority",
        metric=rules.metric,
        confidence=rules.confidence,
        resamples=rules.resamples,
        seed=seed,
    )
    if folder.writes:
        write_config(folder.model, replace(config, temperature=judgement.temperature))
    folder.write_scores(_scores(data.test, data.label_names, judgement))
    folder.write_samples(_samples(data.test, data.label_names, judgement.probabilities, judgement.suspects))
    return model, judgement


def _scores(test: LabelledTexts, label_names: Sequence[str], judgement: Judgement) -> pa.Table:
    probabilities, found = judgement.probabilities, judgement.suspects
    suspected: list[str | None] = [None] * len(test)
    for text, suggestion in zip(found.texts, found.suggestions, strict=True):
        suspected[text] = label_names[suggestion]
    return pa.table(
        {
            "document": test.ids,
            "label": [label_names[label] for label in test.labels],
            "predicted": [label_names[label] for label in probabilities.argmax(axis=1)],
            "loss": text_losses(test.labels, probabilities),
            "suspected_label": pa.array(suspected, pa.string()),
            **{f"probability_{name}": probabilities[:, number] for number, name in enumerate(label_names)},
        }
    )


def _samples(
    test: LabelledTexts, label_names: Sequence[str], probabilities: npt.NDArray[np.float64], suspects: Suspects
) -> list[Sample]:
    """The first test texts, the mistakes made with the most confidence, and the labels that may be wrong."""
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != np.asarray(test.labels))
    worst = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:MISTAKES]

    def sample(row: int, answer: int, kind: str) -> Sample:
        text = test.texts[row]
        return Sample.model_validate(
            {
                "prompt": text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…",
                "label": label_names[test.labels[row]],
                "predicted": label_names[answer],
                "probability": float(probabilities[row, answer]),
                "document": test.ids[row],
                "kind": kind,
            }
        )

    suspected = zip(suspects.texts[:SUSPECTS].tolist(), suspects.suggestions[:SUSPECTS].tolist(), strict=True)
    return [
        *(sample(row, predicted[row], "first") for row in range(min(FIRST_TEXTS, len(test)))),
        *(sample(row, predicted[row], "mistake") for row in worst.tolist()),
        *(sample(row, suggestion, "suspect") for row, suggestion in suspected),
    ]
