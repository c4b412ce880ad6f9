"""bakeoff resume"""

from __future__ import annotations

from bakeoff.cli.options import Json, RunPath, Workers
from bakeoff.cli.outcome import print_outcome, resumable_progress


def command(run: RunPath, workers: Workers = 1, json: Json = False) -> None:
    """Continue a run after a kill, a crash or a full disk, to the same metrics as an uninterrupted run."""
    from bakeoff import runner

    with resumable_progress(run) as progress:
        outcome = runner.resume(run, progress=progress, workers=workers)
    print_outcome(outcome, as_json=json)
