"""The application: the routes, behind the guard."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

from bakeoff.environment import package_version
from bakeoff.serve import classification, completions, errors, listing, pages, progress
from bakeoff.serve.guard import Guard
from bakeoff.serve.limits import Limits
from bakeoff.serve.measures import Measures
from bakeoff.serve.models import Models, ServedRun
from bakeoff.serve.worker import Worker

LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"]

DESCRIPTION = """
Ask the contestants of bake-offs. `/v1/models` and `/v1/completions` have OpenAI's shape, so its clients work here.
Where the server was started with a token, send `Authorization: Bearer TOKEN`.
Errors have OpenAI's shape; 429 and 503 say in `Retry-After` when to try again.
"""


def create_app(
    runs: dict[str, ServedRun], *, token: str | None = None, only_loopback: bool = True, limits: Limits | None = None
) -> Guard:
    """The ASGI application that serves these runs.

    Args:
        token: What clients must send; None: nothing is asked.
        only_loopback: Answer only requests that name this machine as its own users do. A page of another site whose
            name is made to point here (DNS rebinding) is refused by that.
    """
    limits = limits or Limits()
    worker, measures, models = Worker(), Measures(), Models(runs)

    @contextlib.asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[None]:
        yield
        worker.stop()

    api = FastAPI(
        title="bakeoff",
        version=package_version("bakeoff") or "unknown",
        description=DESCRIPTION,
        docs_url=None,  # the usual pages load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        responses={"default": {"model": errors.ErrorAnswer, "description": "Any other error"}},
    )
    errors.install(api)
    api.include_router(listing.routes(models))
    api.include_router(completions.routes(models, worker, limits, measures))
    api.include_router(classification.routes(models, worker, limits))
    api.include_router(progress.routes(models))
    api.include_router(pages.routes(models, measures, token))
    pages.add_pages(api)
    names = LOOPBACK_NAMES if only_loopback else ["*"]
    return Guard(TrustedHostMiddleware(api, names, www_redirect=False), token=token, limits=limits, measures=measures)
