"""/docs: FastAPI's own page, Swagger UI, with files from this server instead of a CDN."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import resources
from pathlib import Path

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

SWAGGER_FILES = Path(str(resources.files("fastapi_offline"))) / "static"
FOLDER = "/static/swagger"

POLICY = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The policy of other pages, plus the page's inline scripts by their hash, and Swagger's icons, which are data URLs."""


def add_documentation(api: FastAPI) -> None:
    """Serve /docs and its files."""

    @api.get("/docs", include_in_schema=False)
    def documentation() -> HTMLResponse:
        page = get_swagger_ui_html(
            openapi_url=str(api.openapi_url),
            title=f"{api.title}: HTTP API",
            swagger_js_url=f"{FOLDER}/swagger-ui-bundle.js",
            swagger_css_url=f"{FOLDER}/swagger-ui.css",
            swagger_favicon_url="/static/icon.svg",
            swagger_ui_parameters={"validatorUrl": None},  # the default sends the schema to swagger.io
        )
        page.headers["Content-Security-Policy"] = POLICY.format(scripts=_script_hashes(bytes(page.body).decode()))
        return page

    api.mount(FOLDER, StaticFiles(directory=SWAGGER_FILES), name="swagger")


def _script_hashes(html: str) -> str:
    """Return the inline scripts of a page as Content-Security-Policy names them."""
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    return " ".join(f"'sha256-{value}'" for value in hashes)
