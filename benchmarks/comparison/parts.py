"""Records that describe a comparison. The comparisons themselves are in *_parts.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from peers.job import Job

Figure = Literal["speed", "memory", "value", "text", "share"]

OURS = "bakeoff"


@dataclass(frozen=True)
class Target:
    """A wanted ratio between bakeoff's figure and that of a peer."""

    what: str
    figure: Figure
    ours: str
    peers: tuple[str, ...]  # the best of them counts; a name, or `PART: NAME` for a contender of another part
    bound: float = 0.0
    """Of `speed` the least ratio, of `memory` the largest, of `value` the largest relative difference, of `share`,
    which has no peers, the least value."""


@dataclass(frozen=True)
class Part:
    """One comparison."""

    name: str
    title: str
    unit: str  # of the seconds
    counted: str  # what the speed counts: `real tokens`, `reviews`
    value: str | None  # what the value is, where there is one
    contenders: dict[str, Job]
    targets: tuple[Target, ...]
    repetitions: int
    more: tuple[str, ...] = ()  # numbers among the details that have columns of their own
