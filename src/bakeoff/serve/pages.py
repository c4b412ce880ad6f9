"""The web page, the reports, the health check and the metrics."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from bakeoff.serve.errors import ApiError, documented
from bakeoff.serve.guard import COOKIE, REPORTS, report_key
from bakeoff.serve.measures import Measures
from bakeoff.serve.models import Models

STATIC = Path(__file__).parent / "static"
REPORT_STYLE = Path(str(resources.files("bakeoff.report"))) / "templates" / "style.css"


class Health(BaseModel):
    status: Literal["ok"] = "ok"


def routes(models: Models, measures: Measures, token: str | None) -> APIRouter:
    router = APIRouter()

    @router.get("/metrics", response_class=Response, responses=documented(400))
    def metrics() -> Response:
        """Return counters in Prometheus' text format."""
        measures.loaded.set(len(models.loaded))
        return Response(measures.text(), media_type=CONTENT_TYPE_LATEST)

    @router.post("/v1/session", status_code=204, response_class=Response, responses=documented(400, 408, 413, 429))
    def open_session() -> Response:
        """Set a cookie that lets this browser open reports, because links cannot carry the token."""
        response = Response(status_code=204)
        if token is not None:
            response.set_cookie(COOKIE, report_key(token), path=REPORTS, httponly=True, samesite="strict")
        return response

    @router.get("/runs/{run}/report.html", response_class=Response, responses=documented(400, 404))
    def report(run: str) -> Response:
        """Return the HTML report of a finished run."""
        served = models.runs.get(run)
        if served is None or not served.folder.has_report:
            raise ApiError(404, f"There is no report for {run!r}.", param="run")
        return FileResponse(served.folder.html_report, media_type="text/html")

    return router


def add_pages(api: FastAPI, index: Path = STATIC / "index.html") -> None:
    """Add what anyone may see, because it reveals nothing about the runs: the page, its files and the health check."""

    @api.get("/healthz", tags=["Server"])
    def health() -> Health:
        """Check that the server is up."""
        return Health()

    @api.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(index)

    @api.get("/static/report.css", include_in_schema=False)
    def style_of_reports() -> FileResponse:
        return FileResponse(REPORT_STYLE)

    api.mount("/static", StaticFiles(directory=STATIC), name="static")
