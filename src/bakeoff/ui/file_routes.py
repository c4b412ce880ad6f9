"""/v1/files: upload a file, see what is in it, choose its columns and settings, forecast its contestants."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from bakeoff.config.seen import shown
from bakeoff.data.compression import COMPRESSED
from bakeoff.data.raw_tables import READERS
from bakeoff.errors import UserError
from bakeoff.runs.writing import explain_disk_errors
from bakeoff.serve.errors import ApiError, documented
from bakeoff.serve.worker import Worker
from bakeoff.ui.bakeoffs import Bakeoffs
from bakeoff.ui.files import FileRecord, Files, UploadedFile, ending, without_folders
from bakeoff.ui.folders import ID, new_numbered, removed_if_it_fails
from bakeoff.ui.limits import PageLimits
from bakeoff.ui.looking import problem_of
from bakeoff.ui.shapes import ConfigText, FileChoices, FileLook, FileView, ForecastView
from bakeoff.ui.shapes import Files as FileList

UPLOADS = "/v1/files"
Id = Annotated[str, Path(pattern=ID)]
_ANY_BYTES = {"requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string"}}}}}


def routes(files: Files, bakeoffs: Bakeoffs, worker: Worker, limits: PageLimits) -> APIRouter:
    router = APIRouter()

    def find(id: str) -> UploadedFile:
        if (file := files.find(id)) is None:
            raise ApiError(404, f"There is no file {id}.", param="id")
        return file

    async def look(file: UploadedFile) -> FileLook:
        found = await worker.do(file.look, limits)
        return FileLook(**file.view().model_dump(), look=found, choices=file.record.choices)

    @router.post(UPLOADS, status_code=201, responses=documented(400, 403, 408, 413, 429), openapi_extra=_ANY_BYTES)
    async def upload(
        request: Request,
        name: Annotated[str, Query(min_length=1, max_length=500, description="What you call the file.")],
    ) -> FileView:
        """Upload a table or a text. The body is the file itself; the end of its name says what it is."""
        kind = ending(name)
        if kind is None:
            known = f"{', '.join(READERS)} and .txt, also with {', '.join(COMPRESSED)}"
            raise ApiError(400, f"Files like {shown(name)} cannot be read. These can: {known}.", param="name")
        folder = await asyncio.to_thread(new_numbered, files.parent)
        with removed_if_it_fails(folder):
            content, size = folder / f"content{kind}", 0
            with explain_disk_errors(content), content.open("xb") as opened:
                async for chunk in request.stream():
                    size += len(chunk)
                    await asyncio.to_thread(opened.write, chunk)
            if not size:
                raise ApiError(400, "The file is empty.", param="body")
            file = UploadedFile(folder)
            shown_name = shown(without_folders(name), 200)
            record = FileRecord(name=shown_name, content=content.name, size=size, created=time.time())
            await asyncio.to_thread(file.write, record)
        return file.view()

    @router.get(UPLOADS, responses=documented(400))
    def list_files() -> FileList:
        """List the files."""
        return FileList(
            data=[file.view() for file in files],
            largest_bytes=limits.uploads.body_bytes,
            most_rows=limits.rows,
        )

    @router.get("/v1/files/{id}", responses=documented(400, 404))
    async def show_file(id: Id) -> FileLook:
        """Show the first rows of a file and what was found in it."""
        return await look(find(id))

    @router.delete("/v1/files/{id}", status_code=204, responses=documented(400, 403, 404, 409))
    def remove_file(id: Id) -> None:
        """Remove a file. Bake-offs on it stay, but cannot be resumed or repeated."""
        file = find(id)
        if bakeoffs.need(id):
            raise ApiError(409, "A bake-off that has not finished needs this file. Stop it first.", param="id")
        file.stop_measuring()
        file.remove()

    @router.post("/v1/files/{id}/choices", responses=documented(400, 403, 404, 408, 413, 429))
    async def choose(id: Id, choices: FileChoices) -> FileLook:
        """Change columns and settings. What is left out is as found or proposed."""
        file = find(id)
        await worker.do(file.choose, choices)
        return await look(file)

    @router.get("/v1/files/{id}/config", responses=documented(400, 404))
    async def show_config(id: Id, contestant: Annotated[list[str], Query(min_length=1, max_length=50)]) -> ConfigText:
        """Show the config that a bake-off of these contestants would run."""
        file = find(id)
        try:
            start = await worker.do(file.config, contestant)
        except UserError as error:
            raise ApiError(400, problem_of(error, file.content, file.record.name).message, param="id") from error
        return ConfigText(yaml=start.yaml)

    @router.get("/v1/files/{id}/forecast", responses=documented(400, 404))
    def show_forecast(
        id: Id, minutes: Annotated[float | None, Query(gt=0, le=1e6, allow_inf_nan=False)] = None
    ) -> ForecastView:
        """Show what the contestants will take on this machine, and which of them are within some minutes."""
        return find(id).forecast(minutes)

    @router.post("/v1/files/{id}/forecast", status_code=202, responses=documented(400, 403, 404, 408, 413, 429))
    async def measure(id: Id) -> ForecastView:
        """Measure the forecast, again if it was measured before."""
        file = find(id)
        if (await look(file)).look.found is None:
            raise ApiError(400, "Nothing can be trained on this file yet.", param="id")
        await worker.do(file.measure)
        return file.forecast()

    return router
