"""bakeoff init"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from bakeoff.cli.console import output as console
from bakeoff.cli.console import print_json
from bakeoff.cli.options import Json
from bakeoff.errors import UserError


def command(
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="A table, a text file or a hub id: anything that a config accepts.")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The config to write. Default: NAME.yaml in this folder.")
    ] = None,
    text: Annotated[list[str] | None, typer.Option(help="Text column; may be repeated. Detected by default.")] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            help="Label column. May be repeated: each column is then a label of 0 and 1. Detected by default."
        ),
    ] = None,
    validation: Annotated[
        str | None, typer.Option(help="Table of the validation rows, if FILE has the training rows only.")
    ] = None,
    test: Annotated[
        str | None, typer.Option(help="Table of the test rows, if FILE has the training rows only.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0, help="Fit contestants and epochs into this time, by the forecast of `bakeoff plan`."),
    ] = None,
    json: Json = False,
) -> None:
    """Inspect your data and write a commented config for it that runs as it is."""
    from bakeoff.config.seen import describe, shown
    from bakeoff.config.starting import starting_config
    from bakeoff.runs.writing import write_new_text

    path = output or Path(f"{Path(source).stem or 'bakeoff'}.yaml")
    if path.exists():
        raise UserError(f"{path} already exists.", "Choose another name with -o, or remove the file first.")
    if not path.parent.is_dir():
        raise UserError(f"The folder {path.parent} does not exist.", "Create it first, or choose another with -o.")

    start = starting_config(source, text, label, validation=validation, test=test)
    if minutes is not None:
        from bakeoff.cli.progress_bar import ConsoleProgress
        from bakeoff.lineup import within_minutes

        with ConsoleProgress() as progress:
            start = within_minutes(start, minutes, progress)
    write_new_text(path, start.yaml)
    if json:
        print_json({"config": str(path), **start.seen.as_dict()})
        return
    lines = describe(start.seen)
    lines += [start.seen.time] if start.seen.time else []
    lines += [f"epochs: {start.seen.epochs}, fewer than usual for lack of time"] if start.seen.epochs else []
    lines += [f"left out for lack of time: {name}, {time}" for name, time in start.seen.left_out.items()]
    if start.seen.examples:
        lines.append("The config trains language models on the answers.")
        lines.append("If there is a label: remove the config and name the column with --label")
    elif start.seen.task == "language-model" and start.seen.columns:
        column = shown(start.seen.text[0])
        lines.append(f"No column looks like a label, so the config trains language models on {column}.")
        lines.append("If there is a label: remove the config and name the column with --label")
    typed = shlex.quote(str(path))
    for line in [*lines, "", f"Written: {path}", f"Next: bakeoff plan {typed}", f"      bakeoff run {typed}"]:
        console().print(line, soft_wrap=True)
