"""Limits of one request, so that clients can share a server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits beyond which a request is refused. The answer names the limit."""

    body_bytes: int = 1_000_000  # 413
    body_seconds: float = 20.0  # for the request to arrive: 408
    texts: int = 256  # per request: 400
    prompt_tokens: int = 4096  # 400; processing a prompt cannot be interrupted
    max_tokens: int = 4096  # to generate: 400
    at_once: int = 64  # requests that compute or wait: 429
    seconds: float = 120.0  # per request: 504, or a text that ends with finish_reason "length"
    connections: int = 512  # 503
    stop_seconds: int = 10  # that running requests have to finish after SIGTERM or Ctrl-C
