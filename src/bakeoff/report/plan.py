"""The plan of a bake-off for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from bakeoff.evaluation.wording import count, duration, either, money, parameters, passes, size
from bakeoff.report.safe_text import one_line, visible
from bakeoff.runs.plans import ContestantPlan, Plan

_TITLE_WIDTH = 22
_CONTESTANT_WIDTH = 15


class PlanTable:
    """A column per contestant, in as many tables as the terminal's width requires, followed by totals and notes."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        plan = self._plan
        at_once = max(1, (options.max_width - _TITLE_WIDTH) // _CONTESTANT_WIDTH)
        for first in range(0, len(plan.contestants), at_once):
            yield self._table(plan.contestants[first : first + at_once])
        for sentence, style in plan_sentences(plan):
            yield Text(visible(sentence), style)

    def _table(self, contestants: list[ContestantPlan]) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("", max_width=_TITLE_WIDTH, overflow="fold")
        for contestant in contestants:
            table.add_column(Text(one_line(contestant.name)), justify="right", overflow="fold")
        for title, show in plan_rows(self._plan):
            table.add_row(title, *(show(contestant) for contestant in contestants))
        return table


def plan_sentences(plan: Plan) -> list[tuple[str, str]]:
    """Return the totals, notes and warnings of a plan, each with a style: `bold`, `bold yellow`, `dim` or nothing."""
    spent = sum(contestant.seeds * contestant.trainings * (contestant.money or 0) for contestant in plan.contestants)
    cost = f" and {money(spent)}" if spent else ""
    total = (
        f"Total: about {duration(plan.total_seconds)}{cost}, up to {size(plan.peak_memory_bytes)} of memory "
        f"({size(plan.available_memory_bytes)} available) and {size(plan.disk_bytes)} of disk "
        f"({size(plan.free_disk_bytes)} free)."
    )
    sentences = [(total, "bold")]
    sentences += [(f"{one_line(entry.name)}: {note}", "") for entry in plan.contestants for note in entry.notes]
    sentences += [(f"Warning: {warning}", "bold yellow") for warning in plan.warnings]
    if folds := plan.contestants[0].folds:
        about = (
            f"The table is for the training of one of the {folds} folds. The total is for all of them, and for the "
            f"training on all rows that follows: {plan.contestants[0].trainings:.1f} times the time of one."
        )
        sentences.append((about, ""))
    elif any(contestant.seeds > 1 or contestant.parts for contestant in plan.contestants):
        rows = " on all rows" if any(contestant.parts for contestant in plan.contestants) else ""
        sentences.append((f"The table is for one training{rows}; the total is for all of them.", ""))
    return [*sentences, (f"Planned in {duration(plan.measuring_seconds)}; nothing was saved.", "dim")]


def plan_rows(plan: Plan) -> list[tuple[str, Callable[[ContestantPlan], str]]]:
    """Return the title of each row, and how its cells are made from a contestant."""
    unit = either(contestant.token_unit for contestant in plan.contestants)
    repeated = any(each.seeds > 1 or each.folds or each.parts for each in plan.contestants)
    other = any(contestant.folds or contestant.parts for contestant in plan.contestants)
    seeds: list[tuple[str, Callable[[ContestantPlan], str]]] = [
        ("Trainings" if other else "Trainings, one per seed", lambda plan: count(plan.trained))
    ]
    asked: list[tuple[str, Callable[[ContestantPlan], str]]] = [
        ("Requests", lambda plan: _or_dash(plan.requests, count)),
        ("Tokens asked", lambda plan: _or_dash(plan.input_tokens, count)),
        ("Tokens answered", lambda plan: _or_dash(plan.output_tokens, count)),
        ("Money", lambda plan: "–" if plan.money is None else money(plan.money)),
    ]
    return [
        *(seeds if repeated else []),
        ("Epochs", lambda plan: _or_dash(plan.epochs, passes)),
        ("Steps", lambda plan: _or_dash(plan.steps, count)),
        (f"Training {unit}", lambda plan: _or_dash(plan.tokens, count)),
        ("Training time", lambda plan: _or_dash(plan.training_seconds, duration)),
        ("Evaluation time", lambda plan: duration(plan.evaluation_seconds)),
        ("Total time", lambda plan: duration(plan.total_seconds)),
        ("Peak memory", lambda plan: size(plan.peak_memory_bytes)),
        ("Model on disk", lambda plan: size(plan.model_bytes)),
        ("Peak disk", lambda plan: size(plan.disk_bytes)),
        ("Trainable parameters", lambda plan: parameters(plan.trainable_parameters)),
        ("All parameters", lambda plan: parameters(plan.total_parameters)),
        *(asked if any(contestant.requests for contestant in plan.contestants) else []),
    ]


def _or_dash(value: float, show: Callable[..., str]) -> str:
    return show(value) if value else "–"
