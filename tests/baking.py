"""Train and plan contestants of either task without a run folder around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.plans import ContestantPlan
from bakeoff.runs.results import ContestantResult
from bakeoff.tasks.base import Contestant, get_task
from bakeoff.training.progress import Progress


def bake(
    config: BakeoffConfig,
    name: str,
    data: Any,
    folder: ContestantFolder,
    progress: Progress | None = None,
    earlier: Mapping[str, ContestantFolder] | None = None,
) -> ContestantResult:
    """Train and evaluate a contestant with the seed of the config."""
    contestant = Contestant(name, config.seed, folder, name, earlier or {})
    return get_task(config).bake(config, contestant, data, progress or Progress())


def plan(config: BakeoffConfig, data: Any) -> dict[str, ContestantPlan]:
    """Return the plans of all contestants by their name."""
    return {plan.name: plan for plan in get_task(config).plan(config, data, Progress())}
