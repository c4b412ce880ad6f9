"""Evaluate a trained classifier, and write the scores of every text and samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bakeoff.data.types import LabeledTexts, OutOfScopeTexts, SplitTable
from bakeoff.evaluation.calibration import with_temperature
from bakeoff.evaluation.choosing import choose
from bakeoff.evaluation.classification import text_losses
from bakeoff.evaluation.classifier import Answers, ClassifierEvaluation, evaluate_classifier
from bakeoff.evaluation.config import ClassificationEvaluationConfig
from bakeoff.evaluation.folds import wider_level
from bakeoff.evaluation.out_of_scope import choose_threshold, measure, scores_table
from bakeoff.evaluation.stakes import Stakes
from bakeoff.methods.base import TextModel, UnknownTextError
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.results import ContestantResult, MetricValue, OutOfScope, Sample, WordAttribution
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
    load_fold: Callable[[ContestantFolder], TextModel] | None = None,
) -> ClassifierEvaluation:
    """Calibrate a model on the validation split and measure it on the test split; write its scores and samples.

    With several folds, the test texts were answered before, each by the model that was not trained on it, and the model
    is only calibrated. Under torchrun every process computes the same, and the main process writes.

    Args:
        calibrate: False leaves the probabilities as they are.
        attribute: False marks no words in the samples, which asks the model about hundreds of further texts.
        folder: That of the model; the folders of the folds are in it, finished.
        load_fold: Loads the model of a fold. None where `data` have no folds.
    """
    validation = Answers(data.validation.labels, model.probabilities(data.validation.texts))
    if load_fold is None:
        tested = _Tested(Answers(data.test.labels, model.probabilities(data.test.texts)))
    else:
        tested = _tested_by_folds(folder.folds(), data)
    evaluation = evaluate_classifier(
        validation,
        tested.answers,
        data.label_names,
        calibrate=calibrate,
        stakes=stakes,
        metric=config.deciding(multilabel=False),
        confidence=wider_level(config.confidence, len(data.folds)),
        resamples=config.resamples,
        seed=seed,
        calibrated=tested.calibrated,
    )
    folder.write_scores(_scores(data.test, data.label_names, evaluation, stakes))
    if data.out_of_scope is not None:
        found = _out_of_scope(model, data, data.out_of_scope, validation, evaluation, stakes, config, folder, seed)
        evaluation = replace(evaluation, out_of_scope=found)
    loaded: dict[int, Classifier] = {}

    def words(row: int, answer: int, shown: int) -> list[WordAttribution]:
        if not attribute:
            return []
        fold = tested.fold_of[row] if load_fold else 0
        if fold not in loaded:
            answering, temperature = model, evaluation.temperature
            if load_fold:
                answering, temperature = load_fold(tested.folders[fold]), tested.temperatures[fold]
            loaded[fold] = Classifier(data.label_names, answering, temperature, stakes.costs)
        return words_or_none(loaded[fold], data.test.texts[row], answer, shown)

    # In every process, because a transformer shares its texts out among them and waits for all.
    samples = _samples(data.label_names, words, data.test, evaluation)
    folder.write_samples(samples)
    if load_fold is None:
        return evaluation
    metrics = [with_folds(metric, tested.results, config.confidence) for metric in evaluation.metrics]
    return replace(evaluation, metrics=metrics)


def _out_of_scope(
    model: TextModel,
    data: SplitTable,
    texts: OutOfScopeTexts,
    validation: Answers,
    evaluation: ClassifierEvaluation,
    stakes: Stakes,
    config: ClassificationEvaluationConfig,
    folder: ContestantFolder,
    seed: int,
) -> OutOfScope | None:
    """Choose the threshold of the confidence and measure it, and write the confidence in every test text.

    Returns:
        None where the model has no answers for such texts.
    """
    try:
        answers = [model.probabilities(part.texts) for part in (texts.choosing, texts.test)]
    except UnknownTextError:
        return None
    choosing, tested = (with_temperature(each, evaluation.temperature) for each in answers)
    known = with_temperature(validation.probabilities, evaluation.temperature)
    right = choose(known, stakes.costs) == np.asarray(validation.labels)
    threshold = choose_threshold(known.max(axis=1), right, choosing.max(axis=1))
    names = data.label_names
    table = scores_table(
        [*data.test.ids, *texts.test.ids],
        [*(names[label] for label in data.test.labels), *[texts.label] * len(texts.test)],
        [names[label] for label in (*evaluation.chosen, *choose(tested, stakes.costs))],
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
        confidence=config.confidence,
        resamples=config.resamples,
        seed=seed,
    )


@dataclass(frozen=True)
class _Tested:
    """The answers to the test texts; of several folds, with what is known of each."""

    answers: Answers
    calibrated: npt.NDArray[np.float64] | None = None
    fold_of: Sequence[int] = ()  # of each test text: an index into the lists below
    folders: Sequence[ContestantFolder] = ()
    results: Sequence[ContestantResult] = ()
    temperatures: Sequence[float] = ()


def _tested_by_folds(folders: Sequence[ContestantFolder], data: SplitTable) -> _Tested:
    results, scores = [folder.result() for folder in folders], [folder.scores() for folder in folders]
    temperatures = [result.calibration.temperature if result.calibration else 1.0 for result in results]
    names = [f"probability_{name}" for name in data.label_names]
    after = [np.stack([table[name].to_numpy() for name in names], axis=1) for table in scores]
    before = [with_temperature(table, 1 / temperature) for table, temperature in zip(after, temperatures, strict=True)]
    return _Tested(
        Answers(data.test.labels, np.concatenate(before)),
        np.concatenate(after),
        [number for number, table in enumerate(scores) for _ in range(table.num_rows)],
        folders,
        results,
        temperatures,
    )


def with_folds(metric: MetricValue, results: Sequence[ContestantResult], confidence: float) -> MetricValue:
    """Add the values of the folds, and the level that the widened interval stands for."""
    key = (metric.name, metric.protocol)
    values = [each.value for result in results for each in result.metrics if (each.name, each.protocol) == key]
    by_fold = values if len(values) == len(results) else []
    return metric.model_copy(update={"folds": len(results), "by_fold": by_fold, "confidence": confidence})


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
    labels: Sequence[str],
    words: Callable[[int, int, int], list[WordAttribution]],
    test: LabeledTexts,
    evaluation: ClassifierEvaluation,
) -> list[Sample]:
    """Return the first test texts, the most confident mistakes, and the labels that may be wrong.

    Args:
        words: From a text, the answer and the characters shown, the words to highlight.
    """
    probabilities, label_issues = evaluation.probabilities, evaluation.label_issues
    predicted = evaluation.chosen
    wrong = np.flatnonzero(predicted != np.asarray(test.labels))
    worst = wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")][:MISTAKES]

    def sample(row: int, answer: int, kind: str) -> Sample:
        shown, length = shortened(test.texts[row])
        return Sample.model_validate(
            {
                "prompt": shown,
                "label": labels[test.labels[row]],
                "predicted": labels[answer],
                "probability": float(probabilities[row, answer]),
                "document": test.ids[row],
                "kind": kind,
                "words": words(row, int(answer), length) if kind != "label_issue" else [],
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


def shortened(text: str) -> tuple[str, int]:
    """Return what a report shows of a text, and how many characters of the text that is."""
    if len(text) <= SHOWN_CHARACTERS:
        return text, len(text)
    return text[: SHOWN_CHARACTERS - 1] + "…", SHOWN_CHARACTERS - 1


def words_or_none(best: Classifier, text: str, answer: int, shown: int) -> list[WordAttribution]:
    """Return the words to highlight; none where the model cannot answer without some of them."""
    try:
        return strongest_words(best, text, answer, shown)
    except UnknownTextError:
        return []
