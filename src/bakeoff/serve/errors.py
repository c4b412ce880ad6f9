"""Errors of the HTTP API, all in the shape of OpenAI's."""

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
    message: str = Field(description="What is wrong, and what to do about it.")
    type: str
    param: str | None = Field(description="The field of the request that is wrong.")
    code: str | None


class ErrorAnswer(BaseModel):
    """OpenAI's shape of an error."""

    error: ErrorDetail


class ApiError(Exception):
    """A request that is not answered as it was meant.

    Args:
        status: The HTTP status code.
        message: For the client; it must not name places on the server's disk.
        param: The field of the request that is wrong.
        code: A short name that programs can compare.
    """

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code


def answer(error: ApiError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response that tells of an error."""
    kind = "server_error" if error.status >= 500 else _TYPES.get(error.status, "invalid_request_error")
    detail = ErrorDetail(message=_encodable(error.message), type=kind, param=error.param, code=error.code)
    headers = dict(headers or {})
    if error.status in (429, 503):
        headers["Retry-After"] = str(RETRY_SECONDS)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(ErrorAnswer(error=detail).model_dump(), error.status, headers)


def documented(*statuses: int) -> dict[int | str, dict[str, object]]:
    """The `responses` of a route that may answer with these errors."""
    return {status: {"model": ErrorAnswer} for status in (401, *statuses)}


def install(api: FastAPI) -> None:
    """Let `api` answer every error in this shape."""

    @api.exception_handler(ApiError)
    def of_ours(request: Request, error: ApiError) -> JSONResponse:
        return answer(error)

    @api.exception_handler(RequestValidationError)
    def of_the_request(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = [str(part) for part in first["loc"] if part != "body"]
        field = _encodable(".".join(place)) or None
        message = first["msg"].removeprefix("Value error, ")
        return answer(ApiError(400, f"{field}: {message}" if field else message, param=field))

    @api.exception_handler(HTTPException)
    def of_the_framework(request: Request, error: HTTPException) -> JSONResponse:
        return answer(ApiError(error.status_code, str(error.detail)), error.headers)

    @api.exception_handler(Exception)
    def of_a_defect(request: Request, error: Exception) -> JSONResponse:
        return answer(ApiError(500, "This is a defect of the server; its log says more."))


def _encodable(text: str) -> str:
    """`text` without halves of surrogate pairs, which JSON can send but UTF-8 cannot say."""
    return text.encode("utf-8", "replace").decode("utf-8")
