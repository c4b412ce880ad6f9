"""The ASGI application: all routes, behind the guard."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import MappingProxyType

from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import HTTPBearer
from starlette.middleware.trustedhost import TrustedHostMiddleware

from bakeoff.environment import package_version
from bakeoff.serve import classification, completions, errors, listing, pages, progress
from bakeoff.serve.documentation import add_documentation
from bakeoff.serve.guard import Guard
from bakeoff.serve.limits import Limits
from bakeoff.serve.measures import Measures
from bakeoff.serve.models import Models, ServedRun
from bakeoff.serve.worker import Worker

LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"]

DESCRIPTION = """
Query the contestants of bake-offs. `/v1/models` and `/v1/completions` follow OpenAI's API, so its clients work here.
If the server was started with a token, send `Authorization: Bearer TOKEN`.
Errors follow OpenAI's format. With 429 and 503, `Retry-After` says when to try again.
"""


def create_app(
    runs: dict[str, ServedRun],
    *,
    token: str | None = None,
    hosts: Sequence[str] = LOOPBACK_NAMES,
    limits: Limits | None = None,
) -> Guard:
    """Create the application that serves these runs.

    Args:
        token: The token that clients must send; None: no token is needed.
        hosts: Answer only requests whose Host header names one of these (`*`: any). This stops DNS rebinding, where
            another site's name is made to resolve to this server.
    """
    limits = limits or Limits()
    worker, measures, models = Worker(), Measures(), Models(runs)

    @contextlib.asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[None]:
        yield
        worker.stop()

    api = create_api(models, worker, limits, measures, token, lifespan=lifespan)
    pages.add_pages(api)
    return Guard(TrustedHostMiddleware(api, hosts, www_redirect=False), token=token, limits=limits, measures=measures)


def create_api(
    models: Models,
    worker: Worker,
    limits: Limits,
    measures: Measures,
    token: str | None,
    *,
    lifespan: Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]],
    description: str = DESCRIPTION,
    more: Mapping[str, APIRouter] = MappingProxyType({}),
) -> FastAPI:
    """Create the API to query models and watch runs, without pages.

    Args:
        description: For /docs, in Markdown.
        more: Further routes, by the title of their section in /docs.
    """
    api = FastAPI(
        title="bakeoff",
        version=package_version("bakeoff") or "unknown",
        description=description,
        docs_url=None,  # see documentation.py: FastAPI's own routes load scripts from a CDN
        redoc_url=None,
        lifespan=lifespan,
        responses={"default": {"model": errors.ErrorAnswer, "description": "Any other error"}},
    )
    errors.install(api)
    # Only declares the token in the schema; the guard checks it.
    declared = [] if token is None else [Depends(HTTPBearer(auto_error=False, description="The server's token."))]
    for tag, router in {
        **more,
        "Models": listing.routes(models),
        "Text": completions.routes(models, worker, limits, measures),
        "Labels": classification.routes(models, worker, limits),
        "Runs": progress.routes(models),
        "Server": pages.routes(models, measures, token),
    }.items():
        api.include_router(router, tags=[tag], dependencies=declared)
    add_documentation(api)
    return api
