"""/v1/bakeoffs: start, watch, stop and resume bake-offs, and download what they made."""

from __future__ import annotations

import asyncio
import tempfile
import zipfile
from pathlib import Path as File
from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from bakeoff.errors import UserError
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.serve.errors import ApiError, documented
from bakeoff.serve.models import Models
from bakeoff.serve.progress import curves_of
from bakeoff.serve.worker import Worker
from bakeoff.ui.bakeoffs import Bakeoff, Bakeoffs
from bakeoff.ui.files import Files
from bakeoff.ui.folders import ID
from bakeoff.ui.limits import PageLimits
from bakeoff.ui.looking import problem_of
from bakeoff.ui.shapes import BakeoffProgress, BakeoffView, NewBakeoff
from bakeoff.ui.shapes import Bakeoffs as BakeoffList

Id = Annotated[str, Path(pattern=ID)]


def routes(
    bakeoffs: Bakeoffs, files: Files, reader: Worker, limits: PageLimits, models: Models, compute: Worker
) -> APIRouter:
    """Return the routes.

    Args:
        reader: The thread that reads files.
        compute: The thread that runs the models.
    """
    router = APIRouter()

    def find(id: str) -> Bakeoff:
        if (bakeoff := bakeoffs.find(id)) is None:
            raise ApiError(404, f"There is no bake-off {id}.", param="id")
        return bakeoff

    @router.post("/v1/bakeoffs", status_code=201, responses=documented(400, 403, 404, 408, 413, 429))
    async def start(asked: NewBakeoff) -> BakeoffView:
        """Start a bake-off, as soon as those before it have ended."""
        file = files.find(asked.file)
        if file is None:
            raise ApiError(404, f"There is no file {asked.file}.", param="file")
        look = await reader.do(file.look, limits)
        offered = [each.name for each in look.found.lineup] if look.found else []
        if unknown := [name for name in asked.contestants if name not in offered]:
            known = ", ".join(offered) or "none, because the file has a problem"
            raise ApiError(400, f"{unknown[0]!r} was not proposed. These were: {known}.", param="contestants")
        try:
            bakeoff = await reader.do(bakeoffs.add, file, asked.contestants)
        except UserError as error:
            raise ApiError(400, problem_of(error, file.content, file.record.name).message, param="file") from error
        await reader.do(bakeoffs.tend)
        return bakeoffs.view(bakeoff)

    @router.get("/v1/bakeoffs", responses=documented(400))
    def list_bakeoffs() -> BakeoffList:
        """List the bake-offs, the oldest first."""
        return BakeoffList(data=[bakeoffs.view(bakeoff) for bakeoff in bakeoffs.all()])

    @router.get("/v1/bakeoffs/{id}", responses=documented(400, 404))
    def show_bakeoff(id: Id) -> BakeoffProgress:
        """Show a bake-off with its training curves so far."""
        bakeoff = find(id)
        view = bakeoffs.view(bakeoff)
        curves = curves_of(bakeoff.served) if bakeoff.served and view.state != "finished" else []
        return BakeoffProgress(**dict(view), curves=curves)

    @router.delete("/v1/bakeoffs/{id}", status_code=204, responses=documented(400, 403, 404, 409))
    async def remove_bakeoff(id: Id) -> None:
        """Remove a bake-off with its contestants. Its file stays."""
        if not await asyncio.to_thread(bakeoffs.remove, find(id)):
            raise ApiError(409, "This bake-off is running. Stop it first.", param="id")
        await compute.do(models.forget, id)

    @router.post("/v1/bakeoffs/{id}/stop", responses=documented(400, 403, 404, 408, 413, 429))
    def stop(id: Id) -> BakeoffView:
        """Stop a bake-off. What it has learned stays, so that it can be resumed."""
        bakeoff = find(id)
        bakeoffs.stop(bakeoff)
        return bakeoffs.view(bakeoff)

    @router.post("/v1/bakeoffs/{id}/resume", responses=documented(400, 403, 404, 408, 413, 429))
    def resume(id: Id) -> BakeoffView:
        """Resume a bake-off that was stopped or has failed."""
        bakeoff = find(id)
        bakeoffs.resume(bakeoff)
        bakeoffs.tend()
        return bakeoffs.view(bakeoff)

    @router.get("/runs/{id}/bakeoff.yaml", response_class=Response, responses=documented(400, 404))
    def config(id: Id) -> Response:
        """Return the config of a bake-off, with comments."""
        return FileResponse(find(id).config, media_type="application/yaml", filename="bakeoff.yaml")

    @router.get("/runs/{id}/winner.zip", response_class=Response, responses=documented(400, 404))
    def winner(id: Id) -> Response:
        """Return the model of the recommended contestant, or of the best where none is recommended."""
        bakeoff = find(id)
        name = bakeoffs.view(bakeoff).winner
        if name is None:
            raise ApiError(404, "This bake-off has not finished.", param="id")
        packed = zipped(bakeoff.run.contestant(name, writes=False))
        return FileResponse(
            packed, media_type="application/zip", filename=f"{name}.zip", background=BackgroundTask(packed.unlink)
        )

    return router


def zipped(contestant: ContestantFolder) -> File:
    """Return a temporary .zip with the model of a contestant, its card included."""
    with tempfile.NamedTemporaryFile(suffix=".zip", delete=False) as file:
        path = File(file.name)
        with zipfile.ZipFile(file, "w") as archive:
            for each in sorted(contestant.model.rglob("*")):
                if each.is_file() and not each.is_symlink():
                    archive.write(each, File(contestant.name) / each.relative_to(contestant.model))
    return path
