"""Output that `run` and `resume` share: progress, a hint after Ctrl-C, and the result."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bakeoff.cli.console import output, print_error, print_json
from bakeoff.errors import UserError

if TYPE_CHECKING:
    from bakeoff.cli.progress_bar import ConsoleProgress
    from bakeoff.runner import RunOutcome


@contextlib.contextmanager
def resumable_progress(folder: Path) -> Iterator[ConsoleProgress]:
    """Show the progress of the run in `folder`. Ctrl-C exits with code 130 and says how to resume."""
    from bakeoff.cli.progress_bar import ConsoleProgress

    try:
        with ConsoleProgress() as progress:
            yield progress
    except KeyboardInterrupt:
        print_error(UserError("Interrupted.", f"Resume with: bakeoff resume {folder}"))
        raise typer.Exit(130) from None


def print_outcome(outcome: RunOutcome, *, as_json: bool) -> None:
    """Print the verdict and the tables, or one JSON object with the contents of result.json and verdict.json."""
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
