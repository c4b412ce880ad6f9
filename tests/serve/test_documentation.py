"""/docs: Swagger UI from this server's own files, and the token that it sends."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from tests.serve.servers import running
from tests.serve.test_page import opened

TOKEN = "open sesame"


def test_every_file_of_the_page_comes_from_here(client: httpx.Client) -> None:
    page = client.get("/docs").text

    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(addresses) == 3
    for address in addresses:
        assert address.startswith("/static/")
        assert client.get(address).status_code == 200


def test_only_its_own_script_may_run(client: httpx.Client) -> None:
    policy = client.get("/docs").headers["content-security-policy"]

    assert re.search(r"script-src 'self' 'sha256-[\w+/=]+';", policy)
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_schema_declares_the_token(client: httpx.Client, sentiment: Path) -> None:
    assert "securitySchemes" not in client.get("/openapi.json").json()["components"]  # this server has none

    with running([sentiment], token=TOKEN) as locked:
        schema = locked.get("/openapi.json").json()
        assert schema["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
        for path, methods in schema["paths"].items():
            for method, operation in methods.items():
                declared = operation.get("security") == [{"HTTPBearer": []}]
                answer = locked.request(method, path.format(id="x", run="x"))
                assert declared == (answer.status_code == 401), path


@pytest.mark.parametrize("size", [{"width": 390, "height": 844}, {"width": 1280, "height": 900}])
def test_a_request_is_sent_from_the_page(browser, sentiment: Path, size: dict) -> None:
    # The browser's console must stay silent: nothing is loaded from elsewhere, and no policy is broken.
    with running([sentiment], token=TOKEN) as client, opened(browser, f"{client.base_url}/docs", viewport=size) as page:
        page.get_by_role("button", name="Authorize").first.click()
        page.locator(".auth-container input").fill(TOKEN)
        page.locator(".auth-btn-wrapper .authorize").click()
        page.get_by_role("button", name="Close").click()
        page.locator("#operations-Models-list_models_v1_models_get").click()
        page.get_by_role("button", name="Try it out").click()
        page.get_by_role("button", name="Execute").click()

        answer = page.locator(".live-responses-table .response").first
        answer.wait_for()
        assert "200" in answer.inner_text()
        assert "sentiment/linear" in answer.inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
