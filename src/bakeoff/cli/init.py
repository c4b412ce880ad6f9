"""bakeoff init"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bakeoff.cli.console import output as console
from bakeoff.cli.console import print_json
from bakeoff.cli.options import Json
from bakeoff.errors import UserError


def command(
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="A table, a text, or a data set's name: whatever a config may name.")
    ],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The config; NAME.yaml here if absent.")] = None,
    text: Annotated[
        list[str] | None, typer.Option(help="Column of the texts; repeat it for several. Guessed if absent.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Column of the labels; guessed if absent.")] = None,
    json: Json = False,
) -> None:
    """Look at your data and write a commented config for it, ready to run."""
    from bakeoff.config.starting import describe, shown, starting_config

    path = output or Path(f"{Path(source).stem or 'bakeoff'}.yaml")
    if path.exists():
        raise UserError(f"{path} exists already.", "Give another name with -o, or remove it first.")
    if not path.parent.is_dir():
        raise UserError(f"The folder {path.parent} does not exist.", "Make it first, or choose another with -o.")
    found = starting_config(source, text, label)
    with path.open("x", encoding="utf-8") as file:  # "x": another program may have written it meanwhile
        file.write(found.yaml)
    if json:
        print_json({"config": str(path), **found.seen.as_dict()})
        return
    lines = describe(found.seen)
    if found.seen.task == "language-model" and found.seen.columns:
        column = shown(found.seen.text[0])
        lines.append(f"No column looks like a label, so {column} became a text for language models.")
        lines.append("If there is a label: remove the config, and name the column with --label")
    for line in [*lines, "", f"Written: {path}", f"Next: bakeoff plan {path}", f"      bakeoff run {path}"]:
        console().print(line, markup=False, soft_wrap=True)
