"""Output that `run` and `resume` share: progress, a hint after Ctrl-C, and the result."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.cli.boundary import InterruptedWorkError
from bakeoff.cli.console import output, print_json
from bakeoff.errors import NotEnoughMemoryError, UserError

if TYPE_CHECKING:
    from bakeoff.cli.progress_bar import ConsoleProgress
    from bakeoff.runner import RunOutcome
    from bakeoff.runs.plans import Plan


@contextlib.contextmanager
def resumable_progress(folder: Path) -> Iterator[ConsoleProgress]:
    """Show the progress of the run in `folder`. After Ctrl-C, or without disk space or memory, say how to go on."""
    from bakeoff.cli.progress_bar import ConsoleProgress
    from bakeoff.runs.folder import RunFolder
    from bakeoff.runs.writing import DiskFullError
    from bakeoff.training import torchrun

    try:
        with ConsoleProgress() as progress:
            yield progress
    except KeyboardInterrupt:
        raise InterruptedWorkError("Interrupted.", _how_to_go_on(folder, RunFolder(folder).holds_a_run)) from None
    except (DiskFullError, NotEnoughMemoryError) as error:
        run = RunFolder(folder)
        # The main process has removed a run that is not kept; for the other ones of torchrun, it may be about to.
        is_kept = run.holds_a_run if torchrun.is_main_process() else run.begun
        raise UserError(error.message, f"{error.hint}\n{_how_to_go_on(folder, is_kept)}") from error


def _how_to_go_on(folder: Path, is_kept: bool) -> str:
    if is_kept:
        return f"Resume with: bakeoff resume {shlex.quote(str(folder))}"
    return "Nothing had been trained: run the same command again."


def read_forecast(file: Path | None) -> Plan | None:
    """Read what `bakeoff plan --json` printed.

    Raises:
        UserError: the file is something else.
    """
    if file is None:
        return None
    from pydantic import ValidationError

    from bakeoff.runs.plans import Plan

    try:
        return Plan.model_validate_json(file.read_bytes())
    except ValidationError:
        typed = shlex.quote(str(file))
        raise UserError(f"{file} is not a forecast.", f"Write one: bakeoff plan CONFIG --json > {typed}") from None


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
    console.print(f"Report: {outcome.report}", soft_wrap=True)
