"""Ask an OpenAI-compatible endpoint one question, until it answers or clearly will not."""

from __future__ import annotations

import email.utils
import json
import os
import random
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bakeoff.errors import UserError
from bakeoff.evaluation.wording import duration
from bakeoff.methods.prompt.answers import Answer
from bakeoff.methods.prompt.config import PromptConfig, is_this_machine
from bakeoff.methods.prompt.dialect import Dialect
from bakeoff.methods.prompt.spending import Meter, Tokens
from bakeoff.methods.prompt.template import Messages

if TYPE_CHECKING:
    import httpx

LONGEST_PAUSE = 60.0
"""Seconds between two tries, unless the endpoint asks for more."""

PATIENCE = 600.0
"""Seconds to wait because an endpoint asks for it; if it asks for more, the run ends and can be resumed."""

_TEMPORARY = {408, 409, 425, 429, *range(500, 600)}
_KEPT = "The answers so far are kept, and are not paid for again."


class PassingError(Exception):
    """A failure that may pass. `wait`: seconds that the endpoint asks to wait; `billed`: it may have cost money."""

    def __init__(self, message: str, wait: float = 0.0, *, billed: bool = False) -> None:
        super().__init__(message)
        self.wait = wait
        self.billed = billed


class StoppedError(Exception):
    """Another request ended the work."""


def api_key(config: PromptConfig) -> str | None:
    """Return the API key, or None where none is needed.

    Raises:
        UserError: the environment variable is not set.
    """
    if config.base_url is None or config.api_key_env is None:
        return None
    key = os.environ.get(config.api_key_env, "").strip()
    if not key:
        raise UserError(
            f"The endpoint {config.base_url} needs an API key, and the environment variable {config.api_key_env} is "
            f"not set.",
            f"Type: export {config.api_key_env}=... Or name another variable: api_key_env.",
        )
    return key


def pause(stop: threading.Event, seconds: float) -> None:
    """Wait, unless the work is stopped."""
    stop.wait(seconds)


class Endpoint:
    """An endpoint with its key. Threads may use it together."""

    def __init__(self, config: PromptConfig, names: Sequence[str], meter: Meter, *, lists: bool = False) -> None:
        """
        Args:
            names: What the model is to answer.
            lists: Its answers are lists of names.

        Raises:
            UserError: there is no key, or httpx is not installed.
        """
        from bakeoff.packages import require

        require("llm", "Asking an endpoint")
        import httpx

        assert config.base_url is not None
        self._config = config
        self._key = api_key(config)
        self._meter = meter
        self._dialect = Dialect(config.api, tuple(names), lists)
        self.stop = threading.Event()
        self.url = config.base_url + ("/chat/completions" if config.api == "chat" else "/completions")
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            timeout=config.timeout,
            follow_redirects=False,  # texts and key go to the host that the config names, and to no other
            trust_env=not is_this_machine(config.base_url),
            limits=httpx.Limits(max_connections=config.parallel),
        )

    def ask(self, prompt: str | Messages) -> Answer:
        """Return the answer to a prompt, asking again after failures that may pass.

        Raises:
            UserError: it does not answer, refuses, or the limit of spending is reached.
            StoppedError: `stop` was set.
        """
        failures = 0
        while True:
            if self.stop.is_set():
                raise StoppedError
            settings = self._dialect.settings()
            body = {**self._dialect.question(prompt), **settings, "model": self._config.model}
            body[self._dialect.length_key] = self._config.max_tokens
            most = Tokens(len(json.dumps(body, ensure_ascii=False).encode()), self._config.max_tokens)
            try:
                with self._meter.reserved(most):
                    answer = self._try(body, settings, most)
                    if answer is not None:
                        self._meter.add(answer.tokens)
                        return answer
            except PassingError as failure:
                if failure.billed:
                    self._meter.add(most)
                failures += 1
                if failures > self._config.retries or failure.wait > PATIENCE:
                    asked = f" It asks to wait for {duration(failure.wait)}." if failure.wait > PATIENCE else ""
                    raise UserError(
                        f"{self.url} did not answer after {failures} tries: {failure}.{asked}",
                        f"Go on later: bakeoff resume RUN, or the same command again. {_KEPT}",
                    ) from None
                pause(self.stop, max(failure.wait, _backoff(failures)))

    def _try(self, body: dict[str, Any], settings: dict[str, Any], most: Tokens) -> Answer | None:
        """Send a request; return None where it is to be sent again with other settings."""
        import httpx

        started = time.perf_counter()
        try:
            response = self._client.post(self.url, json=body)
        except httpx.TimeoutException:
            raise PassingError(f"no answer within {self._config.timeout:g} seconds", billed=True) from None
        except httpx.HTTPError as error:
            sent = not isinstance(error, httpx.ConnectError)
            raise PassingError(self._safe(str(error) or type(error).__name__), billed=sent) from None
        seconds = time.perf_counter() - started
        if response.status_code == 200:
            answer = self._dialect.read(_json(response), settings, most, seconds)
            if answer is None:
                raise PassingError(f"it sent something else than an answer: {self._safe(response.text)}", billed=True)
            return answer
        return self._refused(response, settings, seconds)

    def _refused(self, response: httpx.Response, settings: dict[str, Any], seconds: float) -> Answer | None:
        """Tell what may pass, what other settings may mend, and what the user must mend."""
        status, said = response.status_code, self._safe(_message(response))
        if 300 <= status < 400:
            raise UserError(
                f"{self.url} redirects to {response.headers.get('location', 'another address')}. Texts are sent only "
                f"to the address that the config names.",
                "If you trust that address, write it into base_url.",
            )
        code = _code(response)
        if code == "insufficient_quota":
            raise UserError(f"The account at {self.url} has no credit left: {said}", _KEPT)
        if status in _TEMPORARY:
            raise PassingError(f"HTTP {status}: {said}", _wait(response))
        if status in (401, 403):
            variable = self._config.api_key_env
            hint = f"Check the environment variable {variable}." if variable else "Name it: api_key_env."
            raise UserError(f"{self.url} refuses the API key: {said}", hint)
        if code == "content_filter":
            return Answer("", None, 0, 0, seconds)
        if status in (400, 422) and self._dialect.adapt(said, settings):
            return None
        hint = "Check model, base_url and api." if status in (404, 405) else "See the message. Long texts: max_length."
        raise UserError(f"{self.url} refuses the request (HTTP {status}): {said}", hint)

    def _safe(self, text: str) -> str:
        """Return the beginning of what an endpoint says, without the key, which some repeat."""
        text = text.replace(self._key, "[the key]") if self._key else text
        return " ".join(text.split())[:300]


def _backoff(failures: int) -> float:
    """Return seconds: twice as many after each failure, half of them at random, so that threads do not meet."""
    return min(LONGEST_PAUSE, 2.0 ** (failures - 1)) * random.uniform(0.5, 1.0)


def _wait(response: httpx.Response) -> float:
    """Return the seconds that an endpoint asks to wait: a number or a date (RFC 9110)."""
    value = response.headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _error(response: httpx.Response) -> Any:
    body = _json(response)
    return body.get("error", body) if isinstance(body, dict) else body


def _message(response: httpx.Response) -> str:
    error = _error(response)
    if isinstance(error, dict):
        return f"{error.get('message') or error} {error.get('param') or ''}".strip()
    return str(error or response.text or response.reason_phrase)


def _code(response: httpx.Response) -> str:
    error = _error(response)
    return str(error.get("code") or "") if isinstance(error, dict) else ""
