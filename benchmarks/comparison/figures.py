"""From repetitions to medians, ratios, and what was reached."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from statistics import median

from comparison.parts import Part, Target
from comparison.running import Outcome
from peers.job import Measured

TIE = 2**-7
"""Two logits closer than this, relative to their size, are one number in bf16."""


@dataclass(frozen=True)
class Medians:
    """Of the repetitions of a contender."""

    seconds: float
    speed: float  # what the part counts, per second
    memory: float  # bytes
    value: float | None
    more: dict[str, float]  # the other columns of the part


@dataclass(frozen=True)
class Evaluated:
    """A target and what became of it; `ratio` and `reached` are None where somebody is missing."""

    target: Target
    ours: str
    peer: str  # name and figure
    ratio: str
    wanted: str
    reached: bool | None


def medians(outcome: Outcome, more: Sequence[str] = ()) -> Medians | None:
    runs = outcome.repetitions
    if outcome.failure or not runs:
        return None
    values = [run.value for run in runs if run.value is not None]
    return Medians(
        seconds=median(run.seconds for run in runs),
        speed=median(run.per_second for run in runs),
        memory=median(run.peak_memory_bytes for run in runs),
        value=median(values) if values else None,
        more={name: median(run.details[name] for run in runs) for name in more},
    )


def evaluate(part: Part, outcomes: Mapping[str, Mapping[str, Outcome]]) -> list[Evaluated]:
    """Every target of a part.

    Args:
        outcomes: By part and contender; of this part, and of those that came before it.
    """
    return [_evaluate(target, part, outcomes) for target in part.targets]


def _evaluate(target: Target, part: Part, outcomes: Mapping[str, Mapping[str, Outcome]]) -> Evaluated:
    def find(name: str) -> Outcome | None:
        home, _, contender = name.rpartition(": ")
        outcome = outcomes.get(home or part.name, {}).get(contender)
        return outcome if outcome and medians(outcome) else None

    wanted = {
        "speed": f">= {target.bound:g}x",
        "memory": f"<= {target.bound:g}x",
        "value": f"within {target.bound:g}",
        "text": "the same, or a tie",
        "share": f">= {target.bound:g}",
    }[target.figure]
    ours = find(target.ours)
    peers = [outcome for name in target.peers if (outcome := find(name))]
    if ours is not None and target.figure == "share":
        share = _figure(target, ours)
        return Evaluated(target, "", "", f"{share:.2f}", wanted, share >= target.bound)
    if ours is None or not peers:
        return Evaluated(target, "-", "-", "not measured", wanted, None)
    if target.figure == "text":
        found, same = compare_texts(ours.repetitions[0], peers[0].repetitions[0])
        return Evaluated(target, "", "", found, wanted, same)
    mine = _figure(target, ours)
    theirs = [_figure(target, peer) for peer in peers]
    if target.figure == "speed":
        form, other = f"{{:.1f}} {part.counted} / s", max(theirs)
        found, reached = f"{mine / other:.2f}x", mine / other >= target.bound
    elif target.figure == "memory":
        form, other = "{:.2f} GB", min(theirs)
        found, reached = f"{mine / other:.2f}x", mine / other <= target.bound
    else:
        form, other = "{:.8g}", theirs[0]
        difference = abs(mine / other - 1)
        found, reached = f"{difference:.1e}", difference <= target.bound
    return Evaluated(target, form.format(mine), form.format(other), found, wanted, reached)


def _figure(target: Target, outcome: Outcome) -> float:
    found = medians(outcome)
    assert found is not None
    if target.figure == "speed":
        return found.speed
    if target.figure == "memory":
        return found.memory / 1e9
    return math.nan if found.value is None else found.value


def compare_texts(ours: Measured, reference: Measured) -> tuple[str, bool]:
    """Whether two greedy texts are the same, and if not, how sure the reference was where they part.

    Args:
        reference: Its details hold `text_lengths`, `best_logits` and `second_logits`, one a token.
    """
    mine, theirs = ours.details["text"], reference.details["text"]
    if mine == theirs:
        return "the same", True
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(mine, theirs, strict=False)))
    lengths = reference.details["text_lengths"]
    token = next((number for number, length in enumerate(lengths) if length > common), len(lengths) - 1)
    best, second = reference.details["best_logits"][token], reference.details["second_logits"][token]
    tie = math.isclose(best, second, rel_tol=TIE)
    return (
        f"token {token + 1} differs; there fp32's two best logits are {best:.3f} and {second:.3f}"
        + (": a tie in bf16" if tie else ""),
        tie,
    )
