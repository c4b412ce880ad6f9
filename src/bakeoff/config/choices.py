"""What somebody decides about a first config instead of taking what is proposed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from bakeoff.evaluation.config import NEED_ORDER
from bakeoff.methods.proposals import Proposal


@dataclass(frozen=True)
class Choices:
    """Decisions about a first config. None: as proposed."""

    contestants: Collection[str] | None = None  # of those proposed
    test: float | None = None  # share of all rows that is tested
    folds: int | None = None  # or every row is, in so many folds
    metric: str | None = None  # that decides the verdict
    epochs: int | None = None
    repeats: int | None = None  # trainings of each contestant, with different seeds
    english: bool | None = None  # whether the texts are English, for which there are pretrained encoders
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of contestants, by name

    @property
    def split(self) -> dict[str, Any]:
        """Return the keys of `data.split` that replace those proposed; empty if nothing was decided."""
        if self.folds is not None:
            return {"folds": self.folds}
        return {} if self.test is None else {"test": self.test}

    def applied(self, lineup: Sequence[Proposal]) -> list[Proposal]:
        """Return the contestants of a line-up with their settings."""
        return [
            replace(each, settings=_flow({**yaml.safe_load(each.settings), **self.settings[each.name]}))
            if self.settings.get(each.name)
            else each
            for each in lineup
        ]

    @property
    def evaluation_yaml(self) -> str:
        """Return the section `evaluation`, or nothing."""
        if self.metric is None:
            return ""
        labels = ", labels: ordered" if self.metric in NEED_ORDER else ""
        return f"evaluation: {{metric: {self.metric}{labels}}} # what decides the verdict\n"

    @property
    def repeats_yaml(self) -> str:
        """Return the key `repeats`, or nothing."""
        if self.repeats in (None, 1):
            return ""
        return f"repeats: {self.repeats} # trainings of each contestant, with one seed after the other\n"


def _flow(values: Mapping[str, Any]) -> str:
    """Return a mapping as YAML on one line."""
    page: str = yaml.safe_dump(values, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**9)
    return page.strip()
