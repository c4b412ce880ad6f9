"""Find the contestant of a run that a command is to use."""

from __future__ import annotations

import shlex
from pathlib import Path

from bakeoff.errors import UserError
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.folder import RunFolder


def chosen_contestant(run: RunFolder, name: str | None) -> ContestantFolder:
    """Return the contestant of that name, or the verdict's best.

    Raises:
        UserError: there is no such run or contestant, or it has no model.
    """
    run.must_hold_a_run()
    names = [contestant.name for contestant in run.contestants()]
    if name is not None and name not in names:
        raise UserError(f"{run.path} has no contestant '{name}'.", f"Contestants: {', '.join(names)}.")
    return finished(run.contestant(name or run.verdict().best), run.path)


def finished(contestant: ContestantFolder, run: Path) -> ContestantFolder:
    """Return a contestant that has a model.

    Raises:
        UserError: it failed, or is not trained yet.
    """
    if reason := contestant.failure():
        raise UserError(f"Contestant '{contestant.name}' of {run} has no model: {reason}", "Choose another contestant.")
    if not contestant.finished:
        raise UserError(
            f"Contestant '{contestant.name}' of {run} is not trained yet.",
            f"Type: bakeoff resume {shlex.quote(str(run))}",
        )
    return contestant
