"""A case: something that is done to bakeoff, and the rules that its ending must obey."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from hostile.forks import Typed

_ENDINGS = {0: "done", 2: "refused in a sentence", 70: "reported as a defect", 130: "interrupted"}
LONGEST_MESSAGE = 20_000  # characters


@dataclass(frozen=True)
class Outcome:
    """How a case ended, and what is wrong with that: nothing, if `problem` is empty."""

    ending: str
    problem: str = ""
    kills: int = 0


@dataclass(frozen=True)
class Case:
    """A piece of work, in a group that the summary has a row for, with a description that tells how to repeat it."""

    group: str
    what: str
    work: Callable[[], Outcome]


Maker = Callable[[Random, Path], Case]
"""Makes a case from random numbers, in an empty folder."""


def judged(typed: Typed) -> Outcome:
    """Return how a command ended: only success and refusals in a sentence are right."""
    ending = "hung" if typed.hung else _ENDINGS.get(typed.code, f"exit code {typed.code}")
    lines = typed.err.strip().splitlines()
    if typed.hung:
        took = f"{typed.seconds:.0f} s of the processor, {typed.wall:.0f} s in all"
        return Outcome(ending, f"it took too long: {took}. {' | '.join(lines[-5:])[-500:]}")
    if typed.code not in (0, 2) or "Traceback" in typed.err:
        return Outcome(ending, f"{ending}: {' | '.join(lines[-12:])[-1500:]}")
    if typed.code == 2 and not lines:
        return Outcome(ending, "it was refused without a word")
    if len(typed.err) > LONGEST_MESSAGE:
        return Outcome(ending, f"a message of {len(typed.err):,} characters")
    return Outcome(ending)
