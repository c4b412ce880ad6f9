"""What a bake-off will take, before anything is trained: read, count, and measure a little on this machine."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bakeoff import machine
from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.config.load import load_config
from bakeoff.config.repeats import seeds
from bakeoff.evaluation.wording import size
from bakeoff.methods.registry import get_method
from bakeoff.runner import prepare_data
from bakeoff.runs.plans import Plan
from bakeoff.sections import Section
from bakeoff.tasks.base import get_task
from bakeoff.training.progress import Progress


def plan(
    config: str | Path | Mapping[str, Any] | BakeoffConfig,
    *,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> Plan:
    """Tell what a bake-off will take: steps and tokens exactly, time, memory and disk from a short measurement.

    The data are read, divided and tokenized as `run` does it; every contestant takes a few of its own steps. Nothing
    is kept. `docs/how-to/plan.md` describes the method.

    Args:
        config: Name of a built-in bake-off, path of a YAML file, its values, or a checked config.
        overrides: Assignments such as `contestants.lstm.hidden_size=256`.
        progress: Receives news.

    Raises:
        UserError: whatever would end the bake-off before its first step.
    """
    checked = config if isinstance(config, Section) else load_config(config, overrides)
    progress = progress or Progress()
    started = time.perf_counter()
    room = machine.memory_bytes() + machine.available_memory_bytes()
    prepared, _ = prepare_data(checked, progress)
    reading = time.perf_counter() - started
    contestants = get_task(checked).plan(checked, prepared, progress)
    for each in contestants:
        each.seeds = len(seeds(checked, each.name))
    kept = sum(each.seeds * each.model_bytes for each in contestants)
    found = Plan(
        name=checked.name or checked.task,
        task=checked.task,
        contestants=contestants,
        total_seconds=reading + sum(each.seeds * each.total_seconds for each in contestants),
        peak_memory_bytes=max(each.peak_memory_bytes for each in contestants),
        disk_bytes=kept + max(max(0, each.disk_bytes - each.model_bytes) for each in contestants),
        available_memory_bytes=room,
        free_disk_bytes=shutil.disk_usage(Path.cwd()).free,
        measuring_seconds=time.perf_counter() - started,
    )
    found.warnings = _warnings(found, checked)
    return found


def _warnings(found: Plan, config: BakeoffConfig) -> list[str]:
    warnings = []
    for each in found.contestants:
        if each.peak_memory_bytes > found.available_memory_bytes:
            warnings.append(
                f"{each.name} needs {size(each.peak_memory_bytes)} of memory, and {size(found.available_memory_bytes)} "
                f"are there{_advice(config, each.name)}."
            )
    if found.disk_bytes > found.free_disk_bytes:
        warnings.append(
            f"The run needs up to {size(found.disk_bytes)} of disk, and {size(found.free_disk_bytes)} are free here: "
            "free some, or put the run on another disk with -o."
        )
    return warnings


def _advice(config: BakeoffConfig, name: str) -> str:
    settings = config.contestants[name]
    advice = get_method(config.task, settings.method).memory_advice(settings)
    return f": {advice}" if advice else ""
