"""The ASGI application of `bakeoff ui`: what `bakeoff serve` has, and files and bake-offs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.trustedhost import TrustedHostMiddleware

from bakeoff.errors import UserError
from bakeoff.serve import errors, pages
from bakeoff.serve.app import DESCRIPTION, LOOPBACK_NAMES, create_api
from bakeoff.serve.guard import Guard
from bakeoff.serve.measures import Measures
from bakeoff.serve.models import Models
from bakeoff.serve.worker import Worker
from bakeoff.ui import bakeoff_routes, file_routes
from bakeoff.ui.bakeoffs import Bakeoffs
from bakeoff.ui.files import Files
from bakeoff.ui.limits import PageLimits

STATIC = Path(__file__).parent / "static"
_SECONDS = 0.5  # between looks for a bake-off whose turn has come
_log = logging.getLogger(__name__)


def create_app(folder: Path, *, token: str | None = None, limits: PageLimits | None = None) -> Guard:
    """Create the application that works in a folder. It answers only requests whose Host header names this machine.

    Args:
        token: The token that clients must send; None: no token is needed.
    """
    limits = limits or PageLimits()
    files = Files(folder / "files")
    bakeoffs = Bakeoffs(folder / "runs", files)
    measures, models = Measures(), Models(bakeoffs)
    asked, reader = Worker(), Worker()  # a large file that is read does not keep questions to contestants waiting

    @contextlib.asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[None]:
        turns = asyncio.create_task(_take_turns(bakeoffs))
        yield
        turns.cancel()
        for worker in (asked, reader):
            worker.stop()

    api = create_api(
        models,
        asked,
        limits.requests,
        measures,
        token,
        lifespan=lifespan,
        description=DESCRIPTION,
        more={
            "Files": file_routes.routes(files, bakeoffs, reader, limits),
            "Bake-offs": bakeoff_routes.routes(bakeoffs, files, reader, limits, models, asked),
        },
    )

    @api.exception_handler(UserError)
    def not_done(request: Request, error: UserError) -> JSONResponse:  # such as a full disk
        return errors.answer(errors.ApiError(500, str(error)))

    api.mount("/static/ui", StaticFiles(directory=STATIC), name="ui")
    pages.add_pages(api, STATIC / "index.html")
    return Guard(
        TrustedHostMiddleware(api, LOOPBACK_NAMES, www_redirect=False),
        token=token,
        limits=limits.requests,
        measures=measures,
        larger={file_routes.UPLOADS: limits.uploads},
        only_own_pages=True,
    )


async def _take_turns(bakeoffs: Bakeoffs) -> None:
    while True:
        try:
            await asyncio.to_thread(bakeoffs.tend)
        except Exception:  # such as a full disk: the next look may find room
            _log.exception("No bake-off could be started.")
            await asyncio.sleep(10)
        await asyncio.sleep(_SECONDS)
