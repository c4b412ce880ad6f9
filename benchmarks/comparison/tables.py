"""The figures as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from comparison.figures import Judged, medians
from comparison.parts import Part
from comparison.running import Outcome


def measurements(model: str, part: Part, outcomes: Mapping[str, Outcome]) -> str:
    """One part: a row a contender."""
    head = ["", f"s / {part.unit}", "real tokens / s", "peak memory", part.value or "", f"each s / {part.unit}"]
    rows = []
    for name, outcome in outcomes.items():
        found = medians(outcome)
        if found is None:
            rows.append([name, outcome.failure or "not measured", "", "", "", ""])
            continue
        rows.append(
            [
                name,
                f"{found.seconds:.2f}",
                f"{found.speed:.1f}",
                f"{found.memory / 1e9:.2f} GB",
                "" if found.value is None else f"{found.value:.4f}",
                ", ".join(f"{run.seconds:.2f}" for run in outcome.repetitions),
            ]
        )
    return f"### {part.title}, {model}\n\n{_table(head, rows)}"


def targets(model: str, judged: Iterable[Judged]) -> str:
    """All targets of a model: a row each."""
    answers = {True: "yes", False: "NO", None: "-"}
    rows = [[each.target.what, each.ours, each.peer, each.ratio, each.wanted, answers[each.reached]] for each in judged]
    return f"### Targets, {model}\n\n{_table(['', 'bakeoff', 'peer', 'found', 'wanted', 'reached'], rows)}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "/") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
