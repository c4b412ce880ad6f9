"""/v1/models: the contestants that clients can query."""

from __future__ import annotations

from fastapi import APIRouter

from bakeoff.serve.errors import documented
from bakeoff.serve.models import Models, ServedModel
from bakeoff.serve.shapes import Model, ModelList


def routes(models: Models) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/models", responses=documented(400))
    def list_models() -> ModelList:
        """List the contestants that have finished."""
        return ModelList(data=[_view(models, model) for model in models.listed()])

    @router.get("/v1/models/{id:path}", responses=documented(400, 404))
    def show_model(id: str) -> Model:
        """Show one contestant that has finished."""
        return _view(models, models.find(id))

    return router


def _view(models: Models, model: ServedModel) -> Model:
    run = models.runs[model.run]
    return Model(
        id=model.id,
        created=run.created,
        task=run.task,
        run=run.name,
        contestant=model.folder.name,
        method=model.result.method,
        columns=model.result.columns,
    )
