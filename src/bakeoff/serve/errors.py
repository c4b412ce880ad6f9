"""Errors of the HTTP API, all in OpenAI's format."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

RETRY_SECONDS = 2
_TYPES = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}


class ErrorDetail(BaseModel):
    message: str = Field(description="What is wrong and how to fix it.")
    type: str
    param: str | None = Field(description="The invalid field of the request.")
    code: str | None


class ErrorAnswer(BaseModel):
    """An error in OpenAI's format."""

    error: ErrorDetail


class ApiError(Exception):
    """A request that failed.

    Args:
        status: The HTTP status code.
        message: For the client. It must not contain paths on the server.
        param: The invalid field of the request.
        code: A short name for programs.
    """

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code


def answer(error: ApiError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the response for an error."""
    kind = "server_error" if error.status >= 500 else _TYPES.get(error.status, "invalid_request_error")
    detail = ErrorDetail(message=_encodable(error.message), type=kind, param=error.param, code=error.code)
    headers = dict(headers or {})
    if error.status in (429, 503):
        headers["Retry-After"] = str(RETRY_SECONDS)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(ErrorAnswer(error=detail).model_dump(), error.status, headers)


def documented(*statuses: int) -> dict[int | str, dict[str, object]]:
    """Return the `responses` argument of a route that can fail with these statuses."""
    return {status: {"model": ErrorAnswer} for status in (401, *statuses)}


def install(api: FastAPI) -> None:
    """Make `api` answer every error in this format."""

    @api.exception_handler(ApiError)
    def api_error(request: Request, error: ApiError) -> JSONResponse:
        return answer(error)

    @api.exception_handler(RequestValidationError)
    def invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        location = [str(part) for part in first["loc"] if part != "body"]
        field = _encodable(".".join(location)) or None
        message = first["msg"].removeprefix("Value error, ")
        return answer(ApiError(400, f"{field}: {message}" if field else message, param=field))

    @api.exception_handler(HTTPException)
    def http_exception(request: Request, error: HTTPException) -> JSONResponse:
        return answer(ApiError(error.status_code, str(error.detail)), error.headers)

    @api.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> JSONResponse:
        return answer(ApiError(500, "Internal server error. The server's log says more."))


def _encodable(text: str) -> str:
    """Replace lone surrogates, which JSON can carry but UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")
