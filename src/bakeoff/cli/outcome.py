"""What `run` and `resume` have in common: progress that says how to go on after Ctrl-C, and the end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import typer

from bakeoff.cli.console import ConsoleProgress, output, print_error, print_json
from bakeoff.errors import UserError
from bakeoff.runner import RunOutcome


@contextlib.contextmanager
def resumable_progress(folder: Path) -> Iterator[ConsoleProgress]:
    """Progress of the run in `folder`. Ctrl-C ends the command with exit code 130 and names the way on."""
    try:
        with ConsoleProgress() as progress:
            yield progress
    except KeyboardInterrupt:
        print_error(UserError("Interrupted.", f"Go on with: bakeoff resume {folder}"))
        raise typer.Exit(130) from None


def print_outcome(outcome: RunOutcome, *, as_json: bool) -> None:
    """The verdict and the tables, or one JSON object with everything in result.json and verdict.json."""
    if as_json:
        print_json(
            {
                "folder": str(outcome.folder),
                "report": str(outcome.report),
                "verdict": outcome.verdict.model_dump(mode="json"),
                "results": [result.model_dump(mode="json") for result in outcome.results],
            }
        )
        return
    from bakeoff.report.terminal import summary
    from bakeoff.runs.folder import RunFolder

    console = output()
    console.print(summary(RunFolder(outcome.folder)))
    console.print(f"Report: {outcome.report}", markup=False, soft_wrap=True)
