"""Text generation for a request, step by step, until the text ends or the client is gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Literal

from bakeoff.errors import UserError
from bakeoff.lm.generation import WritingReport, stream_tokens
from bakeoff.lm.language_model import LanguageModel
from bakeoff.lm.streaming import answer_pieces, text_pieces, until_stop
from bakeoff.serve.errors import ApiError
from bakeoff.serve.limits import Limits
from bakeoff.serve.shapes import CompletionRequest, Speed, Usage

SMALLEST_TEMPERATURE = 1e-5
"""Below this, logits divided by the temperature overflow fp32, so the most probable token is taken (the limit)."""


class Writing:
    """A text in progress. Only `stop` may be called outside of the worker's thread.

    Args:
        ends: When the text must end, by `time.monotonic`.

    Raises:
        ApiError: the prompt is too long, or it is empty and the model needs one.
    """

    def __init__(self, model: LanguageModel, request: CompletionRequest, limits: Limits, ends: float) -> None:
        try:
            prompt = model.prompt_ids(request.text)
        except UserError as error:
            raise ApiError(400, error.message, param="prompt") from error
        room = min(model.context_length - 1, limits.prompt_tokens)
        if len(prompt) > room:
            message = f"The prompt has {len(prompt):,} tokens; {room:,} are allowed. Shorten the prompt."
            raise ApiError(400, message, param="prompt", code="context_length_exceeded")
        temperature = request.temperature or 0.0
        new_tokens = stream_tokens(
            model,
            prompt,
            max_new_tokens=request.max_tokens or 100,
            temperature=temperature if temperature >= SMALLEST_TEMPERATURE else 0.0,
            top_p=request.top_p if request.top_p != 1 else None,
            seed=request.seed or 0,
            report=(report := WritingReport()),
        )
        self._report = report
        self._prompt_tokens = len(prompt)
        self._limit = min(request.max_tokens or 100, model.context_length - len(prompt))
        self._ends = ends
        self._stopped = False  # by the client
        self._cut = False  # by `stop` or the time limit
        self._found_stop: list[str] = []
        pieces = text_pieces(model.tokenizer, prompt, self._until_stopped(new_tokens))
        stops = request.stops
        if model.prompting is not None:
            pieces, stops = answer_pieces(pieces), [*stops, *model.prompting.stops]
        self._pieces = until_stop(pieces, stops, self._found_stop)

    def next_piece(self) -> str | None:
        """Return the next piece of the text, or None at its end."""
        return next(self._pieces, None)

    def stop(self) -> None:
        """End the text after the current token."""
        self._stopped = True

    @property
    def tokens(self) -> int:
        """Number of generated tokens so far."""
        return self._report.tokens

    @property
    def finish_reason(self) -> Literal["stop", "length"]:
        """Reason why the text ended."""
        ended_itself = self._found_stop or (not self._cut and self.tokens < self._limit)
        return "stop" if ended_itself else "length"

    @property
    def usage(self) -> Usage:
        written = self.tokens
        return Usage(
            prompt_tokens=self._prompt_tokens, completion_tokens=written, total_tokens=self._prompt_tokens + written
        )

    @property
    def speed(self) -> Speed:
        report = self._report
        return Speed(seconds=report.seconds, tokens_per_second=report.tokens_per_second, engine=report.engine)

    def _until_stopped(self, tokens: Iterator[int]) -> Iterator[int]:
        while not (self._stopped or time.monotonic() >= self._ends):
            token = next(tokens, None)
            if token is None:
                return
            yield token
        self._cut = True
