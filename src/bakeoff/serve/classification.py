"""/v1/classify: label texts with classifiers."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Mapping, Sequence

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
from bakeoff.tasks.attribution import column_contributions, highlighted, log_odds, of_row, variants
from bakeoff.tasks.classifier import Prediction

_log = logging.getLogger(__name__)

TEXTS_A_TURN = 16
"""Texts to classify before other requests get a turn. With `explain`, they are variants of one text."""

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
            labeling = _label(models, model, inputs, asked.threshold, explain, ends)
            predictions: list[PredictedLabel] = []
            while len(predictions) < len(asked.texts) and not await request.is_disconnected():
                try:
                    predictions += await worker.do(_take_turn, labeling, model)
                except TimeoutError as error:
                    message = f"Not finished in {limits.seconds:g} seconds. Send fewer texts."
                    raise ApiError(504, message, code="timeout") from error
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


def _take_turn(labeling: Iterator[list[PredictedLabel]], model: ServedModel) -> list[PredictedLabel]:
    try:
        return next(labeling)
    except UnknownTextError:
        raise
    except UserError as error:  # such as a service that it asks and that does not answer
        _log.error("%s cannot answer: %s", model.id, error)
        raise ApiError(503, f"{model.id} cannot answer now. The server's log says why.") from error


def _label(
    models: Models, model: ServedModel, texts: Sequence[str], threshold: float | None, explain: bool, ends: float
) -> Iterator[list[PredictedLabel]]:
    """Yield the labels of all texts, turn by turn; none in a turn that only looks for words.

    The classifier is looked up in every turn, because it may have been evicted since the last one.

    Raises:
        TimeoutError: `ends` has come, by `time.monotonic`.
    """
    size = 1 if explain else TEXTS_A_TURN
    for first in range(0, len(texts), size):
        if time.monotonic() >= ends:
            raise TimeoutError
        batch = texts[first : first + size]
        predictions = models.classifier(model).predict(batch)
        labels = [_labeled(prediction, threshold) for prediction in predictions]
        if explain:
            cells = {name: cells_at(batch, 0).get(name) for name in model.result.columns}
            label = list(predictions[0].probabilities).index(predictions[0].nearest)
            labels[0].words = yield from _strongest_words(models, model, batch[0], cells, label, ends)
            if cells:
                yield []
                labels[0].columns = column_contributions(models.classifier(model), batch[0], cells, label)
        yield labels


def _labeled(prediction: Prediction, threshold: float | None) -> PredictedLabel:
    labels = prediction.labels
    if labels is not None and threshold is not None:
        labels = prediction.labels_from(threshold)
    return PredictedLabel(
        label=prediction.label if threshold is None else prediction.answer(threshold),
        labels=labels,
        probability=prediction.probability,
        probabilities=prediction.probabilities,
        out_of_scope=prediction.out_of_scope,
    )


def _strongest_words(
    models: Models, model: ServedModel, text: str, cells: Mapping[str, Cell], label: int, ends: float
) -> Generator[list[PredictedLabel], None, list[WordAttribution] | None]:
    """Yield nothing, turn by turn, and return the words that drove the decision, strongest first.

    Returns:
        None if the text is too long or must be whole, or if time is up: the label is known all the same.
    """
    if len(text) > LONGEST_MARKED:
        return None
    asked = variants(text)
    odds: list[float] = []
    while len(odds) < len(asked.texts):
        yield []
        if time.monotonic() >= ends:
            return None
        batch = asked.texts[len(odds) : len(odds) + TEXTS_A_TURN]
        try:
            odds += log_odds(of_row(models.classifier(model), cells), batch, label).tolist()
        except UnknownTextError:  # it has no answer without a word
            return None
    return highlighted(asked.contributions(odds))
