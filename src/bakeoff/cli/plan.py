"""bakeoff plan"""

from __future__ import annotations

from typing import Annotated

import typer

from bakeoff.cli.console import ConsoleProgress, output, print_json
from bakeoff.cli.options import Json


def command(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A built-in bake-off or a YAML file.")],
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a field; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Tell what a bake-off will take (time, memory, disk, tokens) before you pay for it; trains nothing.

    Reads and counts the data and measures a few steps of every contestant on this machine: a minute, mostly.
    """
    from bakeoff import planner

    with ConsoleProgress() as progress:
        found = planner.plan(config, overrides=assignments or [], progress=progress)
    if json:
        print_json(found.model_dump(mode="json"))
        return
    from bakeoff.report.plan import PlanTable

    output().print(PlanTable(found))
