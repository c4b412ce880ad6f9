"""An OpenAI-compatible endpoint that answers from a rule, and fails as it is told to."""

from __future__ import annotations

import contextlib
import json
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, Any, dict[str, str]]
"""Status, body (JSON, or bytes as they are) and headers."""


def last_text(body: dict[str, Any]) -> str:
    """Return the text to classify: the last message of a chat, or the end of a prompt."""
    return str(body["messages"][-1]["content"] if "messages" in body else body["prompt"].rsplit("Text: ", 1)[1])


def rule(body: dict[str, Any]) -> str:
    """Classify the texts of `small_table` without a mistake."""
    return "good" if any(word in last_text(body) for word in ("fine", "moving")) else "bad"


def chat(text: str | None, top: dict[str, float] | None = None, **more: Any) -> Reply:
    """Return an answer as OpenAI gives it, with the probabilities of its first token."""
    choice: dict[str, Any] = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    if top is not None:
        alternatives = [{"token": token, "logprob": math.log(value)} for token, value in top.items()]
        choice["logprobs"] = {"content": [{"token": text, "logprob": 0.0, "top_logprobs": alternatives}]}
    return 200, {"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 2}, **more}, {}


def refusal(status: int, message: str, headers: dict[str, str] | None = None, **more: Any) -> Reply:
    return status, {"error": {"message": message, **more}}, headers or {}


def with_log_probabilities(body: dict[str, Any]) -> Reply:
    answer = rule(body)
    other = "bad" if answer == "good" else "good"
    return chat(answer, {answer: 0.8, other: 0.1, "the": 0.05} if body.get("logprobs") else None)


@dataclass
class FakeEndpoint:
    answer: Callable[[dict[str, Any]], Reply] = with_log_probabilities
    failures: list[Reply | str] = field(default_factory=list)  # used up first: a reply, `hang up`, `cut off`, `sleep`
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)

    def reply(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            self.requests.append(body)
            self.keys.append(handler.headers.get("authorization"))
            self.paths.append(handler.path)
            failure = self.failures.pop(0) if self.failures else None
        try:
            if failure == "sleep":
                self.closing.wait(10)
            elif failure == "cut off":
                handler.send_response(200)
                handler.send_header("content-length", "1000")
                handler.end_headers()
                handler.wfile.write(b'{"choices": [')
            elif failure != "hang up":
                status, content, headers = failure or self.answer(body)  # type: ignore[misc]
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                handler.send_response(status)
                for name, value in {**headers, "content-length": str(len(data))}.items():
                    handler.send_header(name, value)
                handler.end_headers()
                handler.wfile.write(data)
        except OSError:
            pass
        finally:
            handler.close_connection = failure in ("sleep", "cut off", "hang up")
            with self._lock:
                self._now -= 1


@contextlib.contextmanager
def fake_endpoint(**settings: Any) -> Iterator[FakeEndpoint]:
    endpoint = FakeEndpoint(**settings)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            endpoint.reply(self)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield endpoint
    finally:
        endpoint.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
