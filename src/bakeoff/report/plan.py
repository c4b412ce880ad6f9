"""The plan of a bake-off for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from bakeoff.evaluation.wording import count, duration, either, parameters, passes, size
from bakeoff.report.safe_text import one_line, visible
from bakeoff.runs.plans import ContestantPlan, Plan

_TITLE_WIDTH = 22
_CONTESTANT_WIDTH = 15


class PlanTable:
    """A column a contestant, in as many tables as the width of the terminal asks for; below them sums and notes."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        plan = self._plan
        at_once = max(1, (options.max_width - _TITLE_WIDTH) // _CONTESTANT_WIDTH)
        for first in range(0, len(plan.contestants), at_once):
            yield self._table(plan.contestants[first : first + at_once])
        yield Text(
            f"In all about {duration(plan.total_seconds)}, up to {size(plan.peak_memory_bytes)} of memory "
            f"({size(plan.available_memory_bytes)} are there) and {size(plan.disk_bytes)} of disk "
            f"({size(plan.free_disk_bytes)} are free).",
            "bold",
        )
        for each in plan.contestants:
            for note in each.notes:
                yield Text(f"{one_line(each.name)}: {visible(note)}")
        for warning in plan.warnings:
            yield Text(f"Warning: {visible(warning)}", "bold yellow")
        if any(each.seeds > 1 for each in plan.contestants):
            yield Text("The table says what one training takes, the sum what all of them take.")
        yield Text(f"Counted and measured in {duration(plan.measuring_seconds)}; nothing was kept.", "dim")

    def _table(self, contestants: list[ContestantPlan]) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("", max_width=_TITLE_WIDTH, overflow="fold")
        for each in contestants:
            table.add_column(Text(one_line(each.name)), justify="right", overflow="fold")
        for title, show in _rows(self._plan):
            table.add_row(title, *(show(each) for each in contestants))
        return table


def _rows(plan: Plan) -> list[tuple[str, Callable[[ContestantPlan], str]]]:
    unit = either(each.token_unit for each in plan.contestants)
    repeated = any(each.seeds > 1 for each in plan.contestants)
    seeds: list[tuple[str, Callable[[ContestantPlan], str]]] = [
        ("Trainings, one a seed", lambda plan: count(plan.seeds))
    ]
    return [
        *(seeds if repeated else []),
        ("Epochs", lambda plan: _or_dash(plan.epochs, passes)),
        ("Steps", lambda plan: _or_dash(plan.steps, count)),
        (f"Training {unit}", lambda plan: _or_dash(plan.tokens, count)),
        ("Training time", lambda plan: _or_dash(plan.training_seconds, duration)),
        ("Evaluating time", lambda plan: duration(plan.evaluation_seconds)),
        ("Total time", lambda plan: duration(plan.total_seconds)),
        ("Peak memory", lambda plan: size(plan.peak_memory_bytes)),
        ("Model on disk", lambda plan: size(plan.model_bytes)),
        ("Disk, at most", lambda plan: size(plan.disk_bytes)),
        ("Trainable parameters", lambda plan: _parameters(plan.trainable_parameters)),
        ("All parameters", lambda plan: _parameters(plan.total_parameters)),
    ]


def _or_dash(value: float, show: Callable[..., str]) -> str:
    return show(value) if value else "–"


def _parameters(value: int | None) -> str:
    return "not known" if value is None else parameters(value)
