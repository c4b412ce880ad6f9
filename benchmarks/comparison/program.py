"""Code shared by the benchmark programs: measure, print and save one part after another."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from comparison import figures, running, tables
from comparison.parts import Part


def options(documentation: str | None, parts: Collection[str], quick: str) -> argparse.ArgumentParser:
    """Return a parser with the options of all benchmark programs.

    Args:
        documentation: The program's own; its first line is shown.
        parts: Names of all parts.
        quick: What `--quick` leaves out.
    """
    parser = argparse.ArgumentParser(description=(documentation or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help=f"once instead of three times, less of everything{quick}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results to FILE after each part")
    parser.add_argument("--only", action="append", choices=parts, help="run this part; repeat it for several")
    return parser


def begin(sizes: Any, **more: Any) -> dict[str, Any]:
    """Return the head of a record; warn if the machine is busy.

    Args:
        sizes: A dataclass: how much work each measurement does.
        more: What else belongs to the head.
    """
    load = os.getloadavg()
    if load[0] > 0.5:
        say(f"Other programs are busy on this machine (load average {load[0]:.1f}): the figures will be poor.")
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": ["python", *sys.argv],
        "load_average_at_start": load,
        **more,
        "sizes": dataclasses.asdict(sizes),
    }


def measure(subject: str, parts: Iterable[Part]) -> Iterator[dict[str, Any]]:
    """Measure part after part and print the tables; yields all figures so far after each part.

    Args:
        subject: The model or the data that all work with.
    """
    outcomes: dict[str, dict[str, running.Outcome]] = {}
    evaluated: list[figures.Evaluated] = []
    for part in parts:
        outcomes[part.name] = running.run_part(part, lambda text: say(f"{subject}: {text}"))
        print(tables.measurements(subject, part, outcomes[part.name]), end="\n\n", flush=True)
        evaluated += figures.evaluate(part, outcomes)
        yield {
            "parts": {
                name: {contender: dataclasses.asdict(outcome) for contender, outcome in found.items()}
                for name, found in outcomes.items()
            },
            "targets": [dataclasses.asdict(each) for each in evaluated],
        }
    print(tables.targets(subject, evaluated), end="\n\n", flush=True)


def circumstances(record: dict[str, Any]) -> str:
    """Describe time, machine and versions of a measurement."""
    environment, load = record["environment"], record["load_average_at_start"][0]
    packages = ", ".join(f"{name} {version}" for name, version in environment["packages"].items())
    return (
        f"Measured {record['started']} on {environment['processor']}, {environment['cores']} cores, "
        f"{environment['threads']} threads, {environment['memory_bytes'] / 1e9:.0f} GB, load average at the start "
        f"{load:.2f}; bakeoff {environment['git_revision'] or environment['bakeoff']}; {packages}."
    )


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
