"""/v1/completions: continue a prompt with a language model."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from bakeoff.serve.errors import ApiError, documented
from bakeoff.serve.limits import Limits
from bakeoff.serve.measures import Measures
from bakeoff.serve.models import Models
from bakeoff.serve.shapes import Choice, Completion, CompletionRequest
from bakeoff.serve.worker import Worker

if TYPE_CHECKING:
    from bakeoff.lm.language_model import LanguageModel
    from bakeoff.serve.writing import Writing

READING_SECONDS = 30
"""Time that a slow client has to read a text after its time limit. Then the connection is closed."""


def routes(models: Models, worker: Worker, limits: Limits, measures: Measures) -> APIRouter:
    router = APIRouter()

    @router.post(
        "/v1/completions",
        response_model=Completion,
        responses={
            **documented(400, 404, 408, 413, 429, 500, 503, 504),
            200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
        },
    )
    async def complete(asked: CompletionRequest, request: Request) -> Completion | Response:
        """Continue a prompt: one JSON object or, with `stream: true`, server-sent events that end with `[DONE]`."""
        model = models.find(asked.model, "language-model")
        if (asked.max_tokens or 0) > limits.max_tokens:
            raise ApiError(400, f"max_tokens can be at most {limits.max_tokens:,}.", param="max_tokens")
        ends = time.monotonic() + limits.seconds
        language_model = await worker.do(models.language_model, model)
        writing = await worker.do(_begin, language_model, asked, limits, ends)
        text = _Text(writing, asked, worker, measures)
        handed_over = False
        try:
            # Compute the first piece before the status code is sent, so that an error can still set it.
            pieces = [await text.next_piece()]
            if not writing.tokens and time.monotonic() >= ends:
                raise ApiError(504, f"No text within {limits.seconds:g} seconds: the server is busy.", code="timeout")
            if asked.stream:
                handed_over = True
                return _EventStream(text, pieces[0], ends)
            while pieces[-1] is not None and not await request.is_disconnected():
                pieces.append(await text.next_piece())
            answer = text.chunk("".join(filter(None, pieces)), ended=True)
            return answer.model_copy(update={"usage": writing.usage, "speed": writing.speed})
        finally:
            if not handed_over:
                text.close()

    return router


def _begin(model: LanguageModel, asked: CompletionRequest, limits: Limits, ends: float) -> Writing:
    from bakeoff.serve.writing import Writing  # and with it torch, which takes seconds to import

    return Writing(model, asked, limits, ends)


class _Text:
    """A text on its way to a client, chunk by chunk."""

    def __init__(self, writing: Writing, asked: CompletionRequest, worker: Worker, measures: Measures) -> None:
        self.writing = writing
        self.asked = asked
        self._id = f"cmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())
        self._worker = worker
        self._measures = measures
        self._open = True
        measures.writing.inc()

    async def next_piece(self) -> str | None:
        """Compute the next piece of the text; None at its end."""
        before = self.writing.tokens
        piece = await self._worker.do(self.writing.next_piece)
        self._measures.tokens.inc(self.writing.tokens - before)
        return piece

    def close(self) -> None:
        """Stop computing tokens. Must be called however the request ends."""
        self.writing.stop()
        if self._open:
            self._open = False
            self._measures.writing.dec()

    def chunk(self, text: str, *, ended: bool = False) -> Completion:
        """Wrap some text as OpenAI's clients expect it."""
        reason = self.writing.finish_reason if ended else None
        choice = Choice(text=text, finish_reason=reason)
        return Completion(id=self._id, created=self._created, model=self.asked.model, choices=[choice])


class _EventStream(StreamingResponse):
    """A text as server-sent events. It ends early if the client disconnects or reads too slowly."""

    def __init__(self, text: _Text, first: str | None, ends: float) -> None:
        self._text = text
        self._ends = ends
        super().__init__(self._events(first), media_type="text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        patience = self._ends - time.monotonic() + READING_SECONDS
        try:
            async with asyncio.timeout(patience):
                await super().__call__(scope, receive, send)
        except TimeoutError:
            pass  # the server closes the connection, because the answer is incomplete
        finally:
            self._text.close()

    async def _events(self, piece: str | None) -> AsyncIterator[str]:
        text = self._text
        while piece is not None:
            yield _event(text.chunk(piece))
            piece = await text.next_piece()
        yield _event(text.chunk("", ended=True))
        if text.asked.stream_options and text.asked.stream_options.include_usage:
            last = text.chunk("").model_copy(update={"choices": []})
            yield _event(last.model_copy(update={"usage": text.writing.usage, "speed": text.writing.speed}))
        yield "data: [DONE]\n\n"


def _event(chunk: Completion) -> str:
    return f"data: {chunk.model_dump_json()}\n\n"
