"""Forecast what a bake-off will take: read the data, count, and measure a few steps on this machine."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bakeoff import machine
from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.config.in_memory import load_with_tables, named_by_key, with_files
from bakeoff.config.repeats import seeds
from bakeoff.evaluation.wording import size
from bakeoff.methods.registry import get_method
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.plans import Plan
from bakeoff.tasks.base import get_task
from bakeoff.training.progress import Progress
from bakeoff.trainings import prepare_data


def plan(
    config: str | Path | Mapping[str, Any] | BakeoffConfig,
    *,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> Plan:
    """Forecast what a bake-off will take: steps and tokens exactly, time, memory and disk from a short measurement.

    The data are read, split and tokenized as by `run`, and every contestant takes a few of its own steps. Nothing is
    kept. `docs/how-to/memory-and-time.md` describes the method.

    Args:
        config: Name of a built-in bake-off, path of a YAML file, its values (with tables, as in `run`), or a checked
            config.
        overrides: Assignments such as `contestants.lstm.hidden_size=256`.
        progress: Is told how the planning proceeds.

    Raises:
        UserError: whatever would end the bake-off before its first step.
    """
    checked, tables = load_with_tables(config, overrides)
    if not tables:
        return _plan(checked, progress or Progress())
    with tempfile.TemporaryDirectory() as folder:
        files = RunFolder(folder).write_tables(tables)
        with named_by_key(files):
            return _plan(with_files(checked, files), progress or Progress())


def _plan(checked: BakeoffConfig, progress: Progress) -> Plan:
    started = time.perf_counter()
    memory = machine.memory_bytes() + machine.available_memory_bytes()
    prepared, _ = prepare_data(checked, progress)
    reading = time.perf_counter() - started
    with machine.many_trainings():
        contestants = get_task(checked).plan(checked, prepared, progress)
    for contestant in contestants:
        contestant.seeds = len(seeds(checked, contestant.name))
        contestant.token_unit = get_method(checked.task, contestant.method).token_unit
    kept_bytes = sum(each.trained * each.model_bytes for each in contestants)
    result = Plan(
        name=checked.name or checked.task,
        task=checked.task,
        contestants=contestants,
        total_seconds=reading + sum(contestant.all_seconds for contestant in contestants),
        peak_memory_bytes=max(contestant.peak_memory_bytes for contestant in contestants),
        disk_bytes=kept_bytes + max(max(0, each.disk_bytes - each.model_bytes) for each in contestants),
        accelerator=machine.accelerator(),
        available_memory_bytes=memory,
        free_disk_bytes=shutil.disk_usage(Path.cwd()).free,
        measuring_seconds=time.perf_counter() - started,
    )
    result.warnings = _warnings(result, checked)
    return result


def _warnings(plan: Plan, config: BakeoffConfig) -> list[str]:
    """Return what will not fit into memory or on the disk, and what to change."""
    warnings = []
    for contestant in plan.contestants:
        if contestant.peak_memory_bytes > plan.available_memory_bytes:
            warnings.append(
                f"{contestant.name} needs {size(contestant.peak_memory_bytes)} of memory, but only "
                f"{size(plan.available_memory_bytes)} are available{_advice(config, contestant.name)}."
            )
    if plan.disk_bytes > plan.free_disk_bytes:
        warnings.append(
            f"The run needs up to {size(plan.disk_bytes)} of disk, but only {size(plan.free_disk_bytes)} are free "
            "here: free some, or put the run on another disk."
        )
    return warnings


def _advice(config: BakeoffConfig, name: str) -> str:
    settings = config.contestants[name]
    advice = get_method(config.task, settings.method).memory_advice(settings)
    return f": {advice}" if advice else ""
