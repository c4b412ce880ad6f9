"""The server of `bakeoff ui`, from start to stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bakeoff.serve.server import check_token, run_until_stopped
from bakeoff.ui.app import create_app
from bakeoff.ui.folders import locked
from bakeoff.ui.limits import PageLimits

HOST = "127.0.0.1"


def serve(
    folder: Path,
    *,
    port: int = 8000,
    token: str | None = None,
    ready: Callable[[str], None],
    limits: PageLimits | None = None,
) -> None:
    """Serve the page until SIGTERM or SIGINT (Ctrl-C). Bake-offs that are running go on without it.

    Args:
        folder: Keeps files and bake-offs; made if it is not there.
        port: 0 picks a free one.
        token: The token that clients must send.
        ready: Called with the address once the server listens.

    Raises:
        UserError: the folder is in use or cannot be written, the port is not available, or the token cannot be used.
    """
    check_token(token)
    limits = limits or PageLimits()
    folder = folder.expanduser().resolve()
    with locked(folder):
        run_until_stopped(create_app(folder, token=token, limits=limits), HOST, port, limits.requests, ready)
