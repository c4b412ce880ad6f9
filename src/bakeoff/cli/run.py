"""bakeoff run"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bakeoff.cli.options import Json
from bakeoff.cli.outcome import print_outcome, resumable_progress


def command(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A built-in bake-off or a YAML file.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The run folder; runs/NAME if absent.")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a field; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Run a bake-off: train every contestant, judge them on the same data, write a report.

    Built in: sentiment, sentiment-imdb, language-model, wikitext-gpt2, lora-recipes.
    """
    from bakeoff import runner
    from bakeoff.config.load import load_config

    checked = load_config(config, assignments or [])
    folder = output or Path("runs") / (checked.name or checked.task)
    with resumable_progress(folder) as progress:
        outcome = runner.run(checked, folder, progress=progress)
    print_outcome(outcome, as_json=json)
