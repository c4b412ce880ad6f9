"""bakeoff resume"""

from __future__ import annotations

import typer

from bakeoff.cli.console import ConsoleProgress, print_error
from bakeoff.cli.options import Json, RunPath
from bakeoff.cli.outcome import print_outcome
from bakeoff.errors import UserError


def command(run: RunPath, json: Json = False) -> None:
    """Go on with a run after a kill, a crash or a full disk; its figures are those of an uninterrupted run."""
    from bakeoff import runner

    try:
        with ConsoleProgress() as progress:
            outcome = runner.resume(run, progress=progress)
    except KeyboardInterrupt:
        print_error(UserError("Interrupted.", f"Go on with: bakeoff resume {run}"))
        raise typer.Exit(130) from None
    print_outcome(outcome, as_json=json)
