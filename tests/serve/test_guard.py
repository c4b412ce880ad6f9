"""Authorization, limits and headers of every request."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bakeoff.serve.limits import Limits
from bakeoff.serve.server import answered_hosts
from tests.real_runs import copy_run
from tests.serve.servers import measured, running, until

TOKEN = "a long and secret token"


@pytest.fixture(scope="module")
def copied(sentiment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_run(sentiment, tmp_path_factory.mktemp("runs") / "copied").path


@pytest.fixture(scope="module")
def locked(copied: Path) -> Iterator[httpx.Client]:
    with running([copied], token=TOKEN) as client:
        yield client


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/runs", "/metrics", "/runs/copied/report.html", "/v1/nothing", "/no"]
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer ünï".encode()},
        {"Cookie": f"bakeoff_reports={TOKEN}"},
        {"Cookie": "bakeoff_reports=; \x01"},
    ],
)
def test_who_does_not_know_the_token_learns_nothing(locked: httpx.Client, path: str, headers: dict) -> None:
    answer = locked.get(path, headers=headers)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_the_token_opens_everything(locked: httpx.Client) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}

    assert locked.get("/v1/models", headers=headers).status_code == 200
    assert locked.get("/metrics", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/healthz", "/static/app.js", "/static/report.css"])
def test_what_everybody_may_see(locked: httpx.Client, path: str) -> None:
    assert locked.get(path).status_code == 200


def test_the_cookie_opens_reports_and_nothing_else(locked: httpx.Client, copied) -> None:
    copied.joinpath("report.html").write_text("the report")
    session = locked.post("/v1/session", headers={"Authorization": f"Bearer {TOKEN}"})
    cookie = session.headers["set-cookie"]
    headers = {"Cookie": cookie.split(";")[0]}

    assert session.status_code == 204
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/runs/" in cookie
    assert TOKEN not in cookie
    assert locked.get("/runs/copied/report.html", headers=headers).text == "the report"
    assert locked.get("/v1/models", headers=headers).status_code == 401
    assert locked.post("/runs/copied/report.html", headers=headers).status_code == 401
    locked.cookies.clear()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "[::2]"])
def test_a_name_that_was_made_to_point_here_is_refused(client: httpx.Client, host: str) -> None:
    assert client.get("/v1/models", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000"])
def test_the_names_of_this_machine(client: httpx.Client, host: str) -> None:
    assert client.get("/v1/models", headers={"Host": host}).status_code == 200


def test_the_address_that_the_server_listens_on_is_a_name_of_this_machine(copied: Path) -> None:
    assert answered_hosts("0.0.0.0") == ["*"]
    assert "[::1]" in answered_hosts("::1")
    with running([copied], hosts=answered_hosts("127.0.0.2")) as client:
        statuses = [
            client.get("/v1/models", headers={"Host": host}).status_code
            for host in ("127.0.0.2:8000", "127.0.0.3:8000")
        ]

    assert statuses == [200, 400]


@pytest.mark.parametrize("path", ["/", "/v1/models", "/v1/nothing", "/static/app.js", "/docs", "/healthz"])
def test_headers_of_every_answer(client: httpx.Client, path: str) -> None:
    headers = client.get(path, headers={"Origin": "https://elsewhere.example"}).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_a_report_may_style_itself_and_save_plots_and_nothing_else(client: httpx.Client) -> None:
    answer = client.get("/runs/stories/report.html")

    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts allow-downloads; default-src 'none'; style-src 'unsafe-inline'")
    assert "allow-same-origin" not in policy
    scripts = re.findall("<script>(.*?)</script>", answer.text, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert [f"script-src 'sha256-{value}'" for value in hashes] == re.findall("script-src [^;]*", policy)


@pytest.mark.parametrize(
    "path",
    ["/runs/../sentiment/bakeoff.yaml", "/runs/%2e%2e/report.html", "/static/../app.py", "/static/%2e%2e/app.py", "/x"],
)
def test_no_other_file_is_served(client: httpx.Client, path: str) -> None:
    with socket.create_connection((client.base_url.host, client.base_url.port)) as raw:  # clients tidy paths up
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 404")


def test_no_answer_names_a_place_on_the_disk(client: httpx.Client, sentiment) -> None:
    paths = ["/v1/models", "/v1/runs", "/v1/runs/sentiment", "/v1/runs/nothing", "/v1/models/nothing", "/openapi.json"]

    for path in paths:
        assert str(sentiment.parent) not in client.get(path).text


def test_a_body_that_is_too_large(copied) -> None:
    with running([copied], limits=Limits(body_bytes=1000)) as client:

        def chunks():
            for _ in range(100):
                yield b" " * 100

        announced = client.post("/v1/classify", json={"texts": ["long " * 300]})
        unannounced = client.post("/v1/classify", content=chunks(), headers={"Content-Type": "application/json"})

    for answer in (announced, unannounced):
        assert answer.status_code == 413
        assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_request_that_does_not_arrive(copied) -> None:
    with running([copied], limits=Limits(body_seconds=0.2)) as client:
        with socket.create_connection((client.base_url.host, client.base_url.port), timeout=10) as slow:
            slow.sendall(
                b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b'Content-Length: 100\r\n\r\n{"texts"'
            )
            assert slow.recv(1000).startswith(b"HTTP/1.1 408")
        until(lambda: measured(client, "bakeoff_active_requests") == 0)


def test_too_many_at_once(copied) -> None:
    with running([copied], limits=Limits(at_once=1, body_seconds=5)) as client:
        with socket.create_connection((client.base_url.host, client.base_url.port)) as first:
            first.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
            until(lambda: measured(client, "bakeoff_active_requests") == 1)
            second = client.post("/v1/classify", json={"texts": ["x"]})
        until(lambda: measured(client, "bakeoff_active_requests") == 0)
        third = client.post("/v1/classify", json={"texts": [], "models": []})

    assert second.status_code == 429
    assert int(second.headers["retry-after"]) > 0
    assert third.status_code == 400


def test_health_and_metrics(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    client.get("/v1/models/nothing")
    client.get("/no/such/page")

    text = client.get("/metrics").text

    assert 'bakeoff_requests_total{route="/v1/models/{id:path}",status="404"}' in text
    assert 'bakeoff_requests_total{route="other",status="404"}' in text
    assert "no/such/page" not in text
