"""bakeoff resume"""

from __future__ import annotations

from bakeoff.cli.options import Changes, Forecast, Json, On, RunPath, Storage, Workers
from bakeoff.cli.outcome import print_outcome, read_forecast, resumable_progress


def command(
    run: RunPath,
    overrides: Changes = None,
    workers: Workers = 1,
    on: On = None,
    storage: Storage = None,
    forecast: Forecast = None,
    json: Json = False,
) -> None:
    """Continue a run after a kill, a crash or a full disk, to the same metrics as an uninterrupted run."""
    from bakeoff import runner

    planned = read_forecast(forecast)
    with resumable_progress(run) as progress:
        outcome = runner.resume(
            run,
            overrides=overrides or [],
            progress=progress,
            workers=workers,
            on=on,
            storage=storage,
            forecast=planned,
        )
    print_outcome(outcome, as_json=json)
