"""bakeoff ui"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from bakeoff.cli.console import print_json
from bakeoff.cli.options import Json


def command(
    folder: Annotated[Path, typer.Option(help="Folder for uploaded files and bake-offs.")] = Path("bakeoff-ui"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="BAKEOFF_TOKEN",
            help="Token that the page asks for. Other users of this machine can read it on the command line.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Open a web page to drop a file, run a bake-off and read its verdict. Only this machine can reach it."""
    from bakeoff.packages import require

    require("serve", "bakeoff ui")
    from bakeoff.ui.server import serve

    def ready(address: str) -> None:
        if json:
            print_json({"address": address, "folder": str(folder), "token": token is not None})
        else:
            print(f"Open {address} in a browser (stop with Ctrl-C; bake-offs that are running go on)")
        sys.stdout.flush()
        if sys.stdout.isatty() and _has_screen():
            import webbrowser

            webbrowser.open(address)

    serve(folder, port=port, token=token, ready=ready)


def _has_screen() -> bool:
    """Return whether a browser could open a window: without one, Linux would start a browser in the terminal."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
