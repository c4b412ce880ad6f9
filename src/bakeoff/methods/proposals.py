"""The facts about a table from which methods propose contestants for a first bake-off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class TableFacts:
    """The facts of a table that decide which methods can do well on it."""

    training_rows: int
    training_words: int  # in all training texts
    smallest_class: int  # of the training rows
    long_text: int  # 95th percentile of the lengths, in words, or in characters of scripts without spaces
    is_english: bool
    has_gpu: bool
    has_language_model: bool = False  # the packaged one, `smollm2-135m`
    multilabel: bool = False  # a text can have several labels


@dataclass(frozen=True)
class Proposal:
    """A contestant for the config that `bakeoff init` writes."""

    name: str
    reason: str  # for a comment: what it is, and why it may do well here
    settings: str = "{}"  # in YAML, on one line
    is_quick: bool = False  # never left out for lack of time
    is_baseline: bool = False  # there to be beaten: it adds nothing to others
    promise: int = 0  # where time is short, those with the highest stay: how often and by how much they win


def lineup_yaml(lineup: Iterable[Proposal]) -> str:
    """Return contestants as YAML, a line each with its reason as a comment."""
    return "\n".join(f"  {each.name}: {each.settings} # {each.reason}" for each in lineup)
