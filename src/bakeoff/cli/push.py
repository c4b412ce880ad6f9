"""bakeoff push"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from bakeoff.cli.console import output as console
from bakeoff.cli.console import printable
from bakeoff.cli.options import RunPath


def command(
    run: RunPath,
    repository: Annotated[str, typer.Argument(metavar="USER/NAME", help="The repository on the hub.")],
    contestant: Annotated[str | None, typer.Option(help="Default: the best contestant.")] = None,
    public: Annotated[bool, typer.Option("--public", help="Let everybody see it. Default: private.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Upload without asking.")] = False,
) -> None:
    """Upload a trained model to the Hugging Face Hub, with its model card and figures. Lists all files, then asks."""
    from bakeoff.errors import UserError
    from bakeoff.evaluation.wording import size
    from bakeoff.pushing import prepare_upload, upload
    from bakeoff.runs.folder import RunFolder

    def say(line: str) -> None:
        console().print(printable(line), soft_wrap=True)

    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare_upload(RunFolder(run), repository, Path(folder), contestant, public=public)
        where = "exists already: files of the same name are replaced" if prepared.exists else "new"
        say(f"To {prepared.url} ({'public' if prepared.public else 'private'}, {where}), as {prepared.user}:")
        width = max(map(len, prepared.files))
        for name, path in prepared.files.items():
            say(f"  {name:{width}}  {size(path.stat().st_size)}")
        if prepared.stale:
            say("Deleted there, because an earlier upload brought them and this one does not:")
        for name in prepared.stale:
            say(f"  {name}")
        for note in prepared.notes:
            say(note)
        if not yes:
            say("Nothing else is uploaded or deleted. Go on? [y/N]")
            if sys.stdin.readline().strip().lower() not in ("y", "yes"):
                raise UserError("Nothing was uploaded.", "Answer y, or add --yes.")
        say(f"Uploaded: {upload(prepared, 'Upload by bakeoff')}")
