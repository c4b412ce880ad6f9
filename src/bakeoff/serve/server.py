"""The HTTP server, from start to stop."""

from __future__ import annotations

import ipaddress
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn

from bakeoff.errors import UserError
from bakeoff.serve.app import LOOPBACK_NAMES, create_app
from bakeoff.serve.guard import Guard
from bakeoff.serve.limits import Limits
from bakeoff.serve.models import find_runs


def serve(
    paths: Sequence[Path],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    ready: Callable[[str, list[str]], None],
    limits: Limits | None = None,
) -> None:
    """Serve runs until SIGTERM or SIGINT (Ctrl-C). Running requests then have a few seconds to finish.

    Args:
        paths: Run folders, finished or still training.
        port: 0 picks a free one.
        token: The token that clients must send. Required if other machines can reach `host`.
        ready: Called with the address and the names of the runs once the server listens.

    Raises:
        UserError: a folder holds no run, the address is not available, or a token is missing or cannot be used.
    """
    limits = limits or Limits()
    if not is_loopback(host) and not token:
        raise UserError(
            f"Without a token, anyone who can reach {host} could use this server.",
            "Set the environment variable BAKEOFF_TOKEN or pass --token.",
        )
    check_token(token)
    runs = find_runs(paths)
    app = create_app(runs, token=token, hosts=answered_hosts(host), limits=limits)
    run_until_stopped(app, host, port, limits, lambda address: ready(address, list(runs)))


def check_token(token: str | None) -> None:
    """Check that a token, if there is one, protects anything and can be sent in a header.

    Raises:
        UserError: it does not, or cannot.
    """
    if token == "":
        raise UserError("The token is empty, so it would protect nothing.", "Give another one, or leave --token out.")
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
        raise UserError(
            "The token must consist of ASCII letters, digits and signs, without spaces: HTTP headers carry no others.",
            "Make one: openssl rand -hex 16",
        )


def run_until_stopped(app: Guard, host: str, port: int, limits: Limits, ready: Callable[[str], None]) -> None:
    """Serve an application until SIGTERM or SIGINT (Ctrl-C).

    Args:
        ready: Called with the address once the server listens.

    Raises:
        UserError: the address is not available.
    """
    with listen(host, port) as listening:
        # uvicorn shuts down gracefully and then raises the signal again, which would end this process with an error.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        ready(_address(host, listening.getsockname()[1]))
        http_server(app, limits).run(sockets=[listening])


def http_server(app: Guard, limits: Limits) -> uvicorn.Server:
    """Return a server that runs the application on a socket."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        limit_concurrency=limits.connections,
        timeout_graceful_shutdown=limits.stop_seconds,
    )
    return uvicorn.Server(config)


def is_loopback(host: str) -> bool:
    """Return True if only this machine can reach `host`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def answered_hosts(host: str) -> list[str]:
    """Return the hosts that requests may name: any, or if only this machine can reach `host`, its names and `host`."""
    return [*LOOPBACK_NAMES, _in_url(host)] if is_loopback(host) else ["*"]


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket.

    Raises:
        UserError: the address is not available.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family)
        # Connections inherit it. Without it, an answer's second packet waits 40 ms for the client's acknowledgment.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"The server cannot listen on {host}, port {port}: {reason}.",
            "Choose another with --port (0 picks a free one) or --host.",
        ) from None


def _address(host: str, port: int) -> str:
    return f"http://{_in_url(host)}:{port}"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
