"""bakeoff plan"""

from __future__ import annotations

from bakeoff.cli.console import output, print_json
from bakeoff.cli.options import Config, Json, Overrides


def command(config: Config, overrides: Overrides = None, json: Json = False) -> None:
    """Estimate the time, memory, disk space and tokens of a bake-off. Trains nothing.

    Reads the data and measures a few steps of every contestant on this machine, which usually takes a minute.
    """
    from bakeoff import planner
    from bakeoff.cli.progress_bar import ConsoleProgress

    with ConsoleProgress() as progress:
        plan = planner.plan(config, overrides=overrides or [], progress=progress)
    if json:
        print_json(plan.model_dump(mode="json"))
        return
    from bakeoff.report.plan import PlanTable

    output().print(PlanTable(plan))
