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
    host: Annotated[
        str, typer.Option(help="Address to listen on. Any address that other machines can reach requires a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="BAKEOFF_TOKEN",
            help="Token that clients must send. Other users of this machine can read it on the command line.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Serve runs: a web page to query the contestants and watch training, and an HTTP API. Stop with Ctrl-C."""
    from bakeoff.packages import require

    require("serve", "bakeoff serve")
    from bakeoff.serve.server import serve

    def ready(address: str, names: list[str]) -> None:
        if json:
            print_json({"address": address, "runs": names, "token": token is not None})
        else:
            print(f"Serving {', '.join(names)} at {address} (stop with Ctrl-C)")
        sys.stdout.flush()

    serve(runs, host=host, port=port, token=token, ready=ready)
