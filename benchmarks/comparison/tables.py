"""Markdown tables of the results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from comparison.figures import Evaluated, medians
from comparison.parts import Part
from comparison.running import Outcome


def measurements(subject: str, part: Part, outcomes: Mapping[str, Outcome]) -> str:
    """Return the table of one part, a row per contender.

    Args:
        subject: The model or the data that all work with.
    """
    head = ["", f"s / {part.unit}", f"{part.counted} / s", "peak memory", part.value or "", *part.more]
    head.append(f"each s / {part.unit}")
    rows = []
    for name, outcome in outcomes.items():
        found = medians(outcome, part.more)
        if found is None:
            rows.append([name, outcome.failure or "not measured", *[""] * (len(head) - 2)])
            continue
        rows.append(
            [
                name,
                f"{found.seconds:.2f}",
                f"{found.speed:.1f}",
                f"{found.memory / 1e9:.2f} GB",
                "" if found.value is None else f"{found.value:.4f}".removesuffix(".0000"),
                *(f"{found.more[name]:.4g}" for name in part.more),
                ", ".join(f"{run.seconds:.2f}" for run in outcome.repetitions),
            ]
        )
    return f"### {part.title}, {subject}\n\n{markdown(head, rows)}"


def targets(subject: str, evaluated: Iterable[Evaluated]) -> str:
    """Return the table of targets, a row per target."""
    answers = {True: "yes", False: "NO", None: "-"}
    rows = [
        [each.target.what, each.ours, each.peer, each.ratio, each.wanted, answers[each.reached]] for each in evaluated
    ]
    return f"### Targets, {subject}\n\n{markdown(['', 'bakeoff', 'peer', 'found', 'wanted', 'reached'], rows)}"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "/") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
