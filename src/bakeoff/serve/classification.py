"""/v1/classify: label texts with classifiers."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Request

from bakeoff.data.row_texts import Cell, cells_at, row_texts
from bakeoff.errors import UserError
from bakeoff.methods.base import UnknownTextError
from bakeoff.runs.results import WordAttribution
from bakeoff.serve.errors import ApiError, documented
from bakeoff.serve.limits import Limits
from bakeoff.serve.models import Models, ServedModel
from bakeoff.serve.shapes import Classified, ClassifyAnswer, ClassifyRequest, PredictedLabel
from bakeoff.serve.worker import Worker
from bakeoff.spelling import nearest
from bakeoff.tasks.attribution import column_contributions, of_row, strongest_words
from bakeoff.tasks.classifier import Classifier, Prediction

_log = logging.getLogger(__name__)

TEXTS_A_TURN = 16
"""Texts to classify before other requests get a turn. With `explain` it is one text, which takes as long."""

LONGEST_MARKED = 20_000
"""Characters. Marking the words of a longer text would keep other requests waiting."""


def routes(models: Models, worker: Worker, limits: Limits) -> APIRouter:
    router = APIRouter()

    @router.post(
        "/v1/classify",
        response_model=ClassifyAnswer,
        responses=documented(400, 404, 408, 413, 429, 500, 503, 504),
    )
    async def classify(asked: ClassifyRequest, request: Request) -> ClassifyAnswer:
        """Label texts with the classifiers of the runs, with calibrated probabilities."""
        if len(asked.texts) > limits.texts:
            raise ApiError(400, f"{len(asked.texts):,} texts; {limits.texts:,} are allowed per request.", param="texts")
        if asked.models is None:
            chosen = models.listed("classification")
        else:
            chosen = [models.find(id, "classification") for id in dict.fromkeys(asked.models)]
        inputs = _inputs(asked, chosen)
        ends = time.monotonic() + limits.seconds
        answers = []
        for model in chosen:
            explain = bool(asked.explain) and model.address is None  # an endpoint would be asked for every word
            size = 1 if explain else TEXTS_A_TURN
            predictions: list[PredictedLabel] = []
            while len(predictions) < len(asked.texts) and not await request.is_disconnected():
                if time.monotonic() >= ends:
                    raise ApiError(
                        504, f"Not finished in {limits.seconds:g} seconds. Send fewer texts.", code="timeout"
                    )
                batch = inputs[len(predictions) : len(predictions) + size]
                try:
                    predictions += await worker.do(_predict, models, model, batch, asked.threshold, explain)
                except UnknownTextError as error:
                    if asked.models is not None:
                        raise ApiError(400, f"{model.id}: {error.message}", param="models") from error
                    break  # the others answer
            else:
                answers.append(Classified(model=model.id, predictions=predictions, missing=_missing(asked, model)))
        empty = [number for number, text in enumerate(asked.texts) if not text.strip()]
        return ClassifyAnswer(data=answers, empty=empty)

    return router


def _inputs(asked: ClassifyRequest, chosen: Sequence[ServedModel]) -> Sequence[str]:
    """Return the texts with the values of columns that came with them.

    Raises:
        ApiError: there are fewer objects than texts, or more, or no model has such a column.
    """
    if asked.features is None:
        return asked.texts
    if len(asked.features) != len(asked.texts):
        objects, texts = len(asked.features), len(asked.texts)
        counted = f"{objects:,} object{'s' * (objects != 1)} for {texts:,} text{'s' * (texts != 1)}"
        raise ApiError(400, f"{counted}. Send one for each text.", param="features")
    known = list(dict.fromkeys(column for model in chosen for column in model.result.columns))
    for name in dict.fromkeys(name for values in asked.features for name in values):
        if name not in known:
            near = nearest(name, known)
            meant = f" Did you mean {near!r}?" if near else ""
            columns = ", ".join(known) or "none"
            raise ApiError(400, f"No model reads a column {name!r}.{meant} Columns: {columns}.", param="features")
    return row_texts(asked.texts, {name: [values.get(name) for values in asked.features] for name in known})


def _missing(asked: ClassifyRequest, model: ServedModel) -> list[str]:
    """Return the columns of a model that some text came without."""
    given = asked.features or [{}]
    return [name for name in model.result.columns if not all(name in values for values in given)]


def _predict(
    models: Models, model: ServedModel, texts: Sequence[str], threshold: float | None, explain: bool
) -> list[PredictedLabel]:
    classifier = models.classifier(model)
    try:
        predictions = classifier.predict(texts)
        return [
            _labeled(classifier, texts, row, prediction, threshold, explain)
            for row, prediction in enumerate(predictions)
        ]
    except UnknownTextError:
        raise
    except UserError as error:  # such as a service that it asks and that does not answer
        _log.error("%s cannot answer: %s", model.id, error)
        raise ApiError(503, f"{model.id} cannot answer now. The server's log says why.") from error


def _labeled(
    classifier: Classifier,
    texts: Sequence[str],
    row: int,
    prediction: Prediction,
    threshold: float | None,
    explain: bool,
) -> PredictedLabel:
    text = texts[row]
    cells = {name: cells_at(texts, row).get(name) for name in classifier.columns}
    labels = prediction.labels
    if labels is not None and threshold is not None:
        labels = prediction.labels_from(threshold)
    return PredictedLabel(
        label=prediction.label if threshold is None else prediction.answer(threshold),
        labels=labels,
        probability=prediction.probability,
        probabilities=prediction.probabilities,
        out_of_scope=prediction.out_of_scope,
        words=_strongest_words(classifier, text, cells, prediction.nearest) if explain else None,
        columns=column_contributions(classifier, text, cells, classifier.labels.index(prediction.nearest))
        if explain and cells
        else None,
    )


def _strongest_words(
    classifier: Classifier, text: str, cells: Mapping[str, Cell], label: str
) -> list[WordAttribution] | None:
    """Return the words that drove the decision, strongest first, or None if it is too long or must be whole."""
    if len(text) > LONGEST_MARKED:
        return None
    try:
        return strongest_words(of_row(classifier, cells), text, classifier.labels.index(label), len(text))
    except UnknownTextError:  # it has no answer without a word
        return None
