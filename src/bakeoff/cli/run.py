"""bakeoff run"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bakeoff.cli.options import Config, Forecast, Json, On, Overrides, Storage, Workers
from bakeoff.cli.outcome import print_outcome, read_forecast, resumable_progress


def command(
    config: Config,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The run folder. Default: runs/NAME.")] = None,
    overrides: Overrides = None,
    workers: Workers = 1,
    on: On = None,
    storage: Storage = None,
    forecast: Forecast = None,
    json: Json = False,
) -> None:
    """Run a bake-off: train every contestant, evaluate all on the same data, write a report.

    Built in: answers, language-model, lora-recipes, sentiment, sentiment-imdb, wikitext-gpt2.
    """
    from bakeoff import runner
    from bakeoff.config.load import load_config

    checked = load_config(config, overrides or [])
    folder = output or Path("runs") / (checked.name or checked.task)
    planned = read_forecast(forecast)
    with resumable_progress(folder) as progress:
        outcome = runner.run(
            checked, folder, progress=progress, workers=workers, on=on, storage=storage, forecast=planned
        )
    print_outcome(outcome, as_json=json)
