"""What one client may ask of a server that others share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Beyond these a request is refused; the answer says which limit it was."""

    body_bytes: int = 1_000_000  # 413
    body_seconds: float = 20.0  # for the request to arrive: 408
    texts: int = 256  # to classify at once: 400
    prompt_tokens: int = 4096  # 400; reading a prompt cannot be interrupted
    max_tokens: int = 4096  # to write: 400
    at_once: int = 64  # requests that compute or wait for their turn: 429
    seconds: float = 120.0  # of a request: 504, or a text that ends with finish_reason "length"
    connections: int = 512  # 503
    stop_seconds: int = 10  # after SIGTERM or Ctrl-C: running requests may end by themselves
