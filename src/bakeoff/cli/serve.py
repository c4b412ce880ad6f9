"""bakeoff serve"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bakeoff.cli.console import print_json
from bakeoff.cli.options import Json


def command(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders, finished or still training.")],
    host: Annotated[str, typer.Option(help="Address to listen on; others than this machine's own need a token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any that is free.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(envvar="BAKEOFF_TOKEN", help="What clients must send. Others may see it on the command line."),
    ] = None,
    json: Json = False,
) -> None:
    """Serve runs: a page to ask the contestants and to watch their training, and an HTTP API. Ctrl-C ends it."""
    from bakeoff.serve.server import serve

    def ready(address: str, names: list[str]) -> None:
        if json:
            print_json({"address": address, "runs": names, "token": token is not None})
        else:
            print(f"Serving {', '.join(names)} at {address} (Ctrl-C ends it)")
        sys.stdout.flush()

    serve(runs, host=host, port=port, token=token, ready=ready)
