"""bakeoff compare"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bakeoff.cli.console import output as standard_output
from bakeoff.cli.console import print_json
from bakeoff.cli.options import Json
from bakeoff.errors import UserError


def command(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Two or more finished run folders.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write report.html and report.md to this folder.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare the contestants of several runs, if all were evaluated on the same documents in the same way."""
    from bakeoff.comparing import compare
    from bakeoff.report.output import write_pages
    from bakeoff.report.terminal import comparison
    from bakeoff.runs.folder import RunFolder

    folder = RunFolder(output) if output else None
    if folder and (folder.holds_a_run or folder.html_report.exists() or folder.markdown_report.exists()):
        raise UserError(f"{folder.path} already holds a report or a run.", "Choose another folder with -o.")
    loaded = compare(runs)
    if folder:
        write_pages(loaded, folder)
    if json:
        print_json(
            {
                "runs": [str(run) for run in runs],
                "report": str(folder.html_report) if folder else None,
                "verdict": loaded.verdict.model_dump(mode="json"),
                "results": [result.model_dump(mode="json") for result in loaded.results],
            }
        )
        return
    console = standard_output()
    console.print(comparison(loaded))
    if folder:
        console.print(f"Report: {folder.html_report}", soft_wrap=True)
