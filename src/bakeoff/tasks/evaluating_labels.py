"""Evaluate a trained classifier that gives a text several labels, and write the scores of every text and samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bakeoff.data.types import SplitTable
from bakeoff.evaluation.config import ClassificationEvaluationConfig
from bakeoff.evaluation.folds import wider_level
from bakeoff.evaluation.label_calibration import with_temperatures
from bakeoff.evaluation.label_classifier import LabelAnswers, LabelEvaluation, evaluate_label_classifier
from bakeoff.evaluation.metrics.multilabel import label_predictions_of
from bakeoff.evaluation.multilabel import label_losses
from bakeoff.methods.base import TextModel
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.results import ContestantResult, Sample
from bakeoff.tasks.classifier import Classifier, LabelDecision
from bakeoff.tasks.evaluating import FIRST_TEXTS, MISTAKES, shortened, with_folds, words_or_none

NO_LABEL = "none"
"""What a reader sees in place of the labels of a text without any."""


def evaluate_labels(
    model: TextModel,
    data: SplitTable,
    config: ClassificationEvaluationConfig,
    *,
    seed: int,
    calibrate: bool,
    choose_thresholds: bool,
    attribute: bool = True,
    folder: ContestantFolder,
    load_fold: Callable[[ContestantFolder], TextModel] | None = None,
) -> LabelEvaluation:
    """Calibrate a model and choose thresholds on the validation split, and measure it on the test split.

    Arguments as of `evaluating.evaluate`.

    Args:
        choose_thresholds: False predicts every label from 0.5 on, whatever the config says.
    """
    validation = LabelAnswers(data.validation.sets, model.probabilities(data.validation.texts))
    if load_fold is None:
        tested = _Tested(LabelAnswers(data.test.sets, model.probabilities(data.test.texts)))
    else:
        tested = _tested_by_folds(folder.folds(), data)
    evaluation = evaluate_label_classifier(
        validation,
        tested.answers,
        data.label_names,
        calibrate=calibrate,
        threshold=config.threshold if choose_thresholds else 0.5,
        metric=config.deciding(multilabel=True),
        confidence=wider_level(config.confidence, len(data.folds)),
        resamples=config.resamples,
        seed=seed,
        answered=tested.answered,
    )
    folder.write_scores(_scores(data, evaluation))
    loaded: dict[int, Classifier] = {}

    def classifier(row: int) -> Classifier:
        fold = tested.fold_of[row] if load_fold else 0
        if fold not in loaded:
            answering, scores = model, evaluation.classes
            if load_fold:
                answering, scores = load_fold(tested.folders[fold]), tested.results[fold].classes
            loaded[fold] = Classifier(
                data.label_names,
                answering,
                decision=LabelDecision(
                    [score.temperature or 1.0 for score in scores], [score.threshold or 0.5 for score in scores]
                ),
            )
        return loaded[fold]

    # In every process, because a transformer shares its texts out among them and waits for all.
    folder.write_samples(_samples(data, evaluation, classifier if attribute else None))
    if load_fold is None:
        return evaluation
    metrics = [with_folds(metric, tested.results, config.confidence) for metric in evaluation.metrics]
    return replace(evaluation, metrics=metrics)


@dataclass(frozen=True)
class _Tested:
    """The answers to the test texts; of several folds, with what is known of each."""

    answers: LabelAnswers
    answered: tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]] | None = None
    fold_of: Sequence[int] = ()  # of each test text: an index into the lists below
    folders: Sequence[ContestantFolder] = ()
    results: Sequence[ContestantResult] = ()


def _tested_by_folds(folders: Sequence[ContestantFolder], data: SplitTable) -> _Tested:
    results, scores = [folder.result() for folder in folders], [folder.scores() for folder in folders]
    before, after, chosen = [], [], []
    for result, table in zip(results, scores, strict=True):
        names, predictions = label_predictions_of(table)
        place = {name: number for number, name in enumerate(names)}
        order = [place[str(name)] for name in table["document"].to_pylist()]  # from sorted to that of the fold
        after.append(predictions.probabilities[order])
        chosen.append(predictions.chosen[order])
        before.append(with_temperatures(after[-1], [1 / (score.temperature or 1.0) for score in result.classes]))
    return _Tested(
        LabelAnswers(data.test.sets, np.concatenate(before)),
        (np.concatenate(after), np.concatenate(chosen)),
        [number for number, table in enumerate(scores) for _ in range(table.num_rows)],
        folders,
        results,
    )


def _scores(data: SplitTable, evaluation: LabelEvaluation) -> pa.Table:
    def names(matrix: npt.NDArray[np.bool_]) -> pa.Array:
        lists = [[name for name, has in zip(data.label_names, row, strict=True) if has] for row in matrix.tolist()]
        return pa.array(lists, pa.list_(pa.string()))

    return pa.table(
        {
            "document": data.test.ids,
            "label": names(data.test.sets),
            "predicted": names(evaluation.chosen),
            "loss": label_losses(data.test.sets, evaluation.probabilities),
            **{
                f"probability_{name}": evaluation.probabilities[:, number]
                for number, name in enumerate(data.label_names)
            },
        }
    )


def _samples(
    data: SplitTable, evaluation: LabelEvaluation, classifier: Callable[[int], Classifier] | None
) -> list[Sample]:
    """Return the first test texts, and those with the most confident mistakes.

    Args:
        classifier: Returns what answered a text, to find the words that moved it; None: no words.
    """
    truth, chosen, probabilities = data.test.sets, evaluation.chosen, evaluation.probabilities
    confidence = np.where(chosen, probabilities, 1 - probabilities)  # in each decision
    mistaken = np.where(truth != chosen, confidence, -1.0)
    worst = np.argsort(-mistaken.max(axis=1), kind="stable")[:MISTAKES]

    def written(row: npt.NDArray[np.bool_]) -> str:
        return ", ".join(name for name, has in zip(data.label_names, row, strict=True) if has) or NO_LABEL

    def sample(row: int, label: int, kind: str) -> Sample:
        text = data.test.texts[row]
        shown, length = shortened(text)
        return Sample.model_validate(
            {
                "prompt": shown,
                "label": written(truth[row]),
                "predicted": written(chosen[row]),
                "probability": float(confidence[row, label]),
                "document": data.test.ids[row],
                "kind": kind,
                "explained": data.label_names[label],
                "words": words_or_none(classifier(row), text, label, length) if classifier else [],
            }
        )

    return [
        *(sample(row, int(probabilities[row].argmax()), "first") for row in range(min(FIRST_TEXTS, len(data.test)))),
        *(sample(row, int(mistaken[row].argmax()), "mistake") for row in worst.tolist() if mistaken[row].max() >= 0),
    ]
