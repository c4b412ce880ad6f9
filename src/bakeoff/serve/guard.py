"""Checks between the network and the API: token, number of requests, body size and time. Also sets headers."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from types import MappingProxyType
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bakeoff.report.script import POLICY
from bakeoff.serve.errors import ApiError, answer
from bakeoff.serve.limits import Limits
from bakeoff.serve.measures import Measures

OPEN_PATHS = ("/", "/healthz", "/docs", "/openapi.json")
OPEN_FOLDER = "/static/"
REPORTS = "/runs/"
"""Links to reports cannot carry the token. A cookie replaces it for these paths only."""
COOKIE = "bakeoff_reports"

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# A report may come from anywhere. It runs in an origin of its own, and no other script than this version's.
REPORT_POLICY = (
    f"sandbox allow-scripts allow-downloads; {POLICY}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """A wrapper around the whole application.

    Args:
        token: The token that clients must send; None: no token is needed.
        larger: Limits of paths whose requests may be larger, such as uploads.
        only_own_pages: Refuse requests that a page of another site makes, where they could change something.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None,
        limits: Limits,
        measures: Measures,
        larger: Mapping[str, Limits] = MappingProxyType({}),
        only_own_pages: bool = False,
    ) -> None:
        self._app = app
        self._token = token
        self._limits = limits
        self._larger = larger
        self._only_own_pages = only_own_pages
        self._measures = measures
        self._active = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(MutableHeaders(scope=message), scope["path"])
            await send(message)

        try:
            await self._admit(scope, receive, send_with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._measures.requests.labels(route, status).inc()
            self._measures.seconds.labels(route).observe(time.perf_counter() - started)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_authorized(scope):
            error = ApiError(
                401, "This server requires a token. Send the header Authorization: Bearer TOKEN", code="invalid_api_key"
            )
            await answer(error)(scope, receive, send)
            return
        if self._only_own_pages and scope["method"] not in ("GET", "HEAD") and _is_elsewhere(Headers(scope=scope)):
            await answer(ApiError(403, "This request comes from a page of another site."))(scope, receive, send)
            return
        limits = self._larger.get(scope["path"], self._limits)
        if scope["method"] != "POST":
            await self._app(scope, receive, send)
        elif _announced_bytes(scope) > limits.body_bytes:
            await answer(_too_large(limits))(scope, receive, send)
        elif self._active >= self._limits.at_once:
            busy = ApiError(429, f"The server is busy with {self._active} requests. Try again soon.", code="busy")
            await answer(busy)(scope, receive, send)
        else:
            self._active += 1
            self._measures.active.set(self._active)
            try:
                await self._app(scope, _limited(receive, limits), send)
            finally:
                self._active -= 1
                self._measures.active.set(self._active)

    def _is_authorized(self, scope: Scope) -> bool:
        path = scope["path"]
        if self._token is None or path in OPEN_PATHS or path.startswith(OPEN_FOLDER):
            return True
        headers = Headers(scope=scope)
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and _same(given.strip(), self._token):
            return True
        reads_a_report = path.startswith(REPORTS) and scope["method"] in ("GET", "HEAD")
        return reads_a_report and _same(_cookie(headers), report_key(self._token))


def report_key(token: str) -> str:
    """Return the value of the cookie for reports, which does not reveal the token."""
    return hmac.new(token.encode(), b"reports", hashlib.sha256).hexdigest()


def _same(given: str, expected: str) -> bool:
    """Compare in constant time."""
    return secrets.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _cookie(headers: Headers) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""


def _is_elsewhere(headers: Headers) -> bool:
    """Return whether a browser says that the page which makes the request came from another server."""
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


def _announced_bytes(scope: Scope) -> int:
    announced = Headers(scope=scope).get("content-length", "")
    return int(announced) if announced.isdecimal() else 0


def _too_large(limits: Limits) -> ApiError:
    return ApiError(413, f"The request is larger than {limits.body_bytes:,} bytes.")


def _limited(receive: Receive, limits: Limits) -> Receive:
    """Wrap `receive` so that the body must arrive in time and must not be too large."""
    ends = time.monotonic() + limits.body_seconds
    size = 0
    complete = False

    async def receive_within_limits() -> Message:
        nonlocal size, complete
        if complete:
            return await receive()
        try:
            async with asyncio.timeout(ends - time.monotonic()):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, f"The request did not arrive within {limits.body_seconds:g} seconds.") from None
        size += len(message.get("body", b""))
        if size > limits.body_bytes:
            raise HTTPException(413, _too_large(limits).message)
        complete = not message.get("more_body", False)
        return message

    return receive_within_limits


def _add_headers(headers: MutableHeaders, path: str) -> None:
    for name, value in _HEADERS.items():
        headers[name] = value
    # /docs sets its own policy.
    headers.setdefault("Content-Security-Policy", REPORT_POLICY if path.startswith(REPORTS) else PAGE_POLICY)
    headers["Cache-Control"] = "no-cache" if path.startswith(OPEN_FOLDER) else "no-store"
