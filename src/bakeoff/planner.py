"""What a bake-off will take, before anything is trained: read, count, and measure a little on this machine."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bakeoff import machine
from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.config.language_model import LanguageModelConfig
from bakeoff.config.load import load_config
from bakeoff.config.repeats import seeds
from bakeoff.data.types import SplitCorpus, SplitTable
from bakeoff.evaluation.wording import size
from bakeoff.methods.full.config import FullConfig
from bakeoff.methods.recurrent.config import RecurrentConfig
from bakeoff.methods.transformer.config import TransformerConfig
from bakeoff.runner import prepare_data
from bakeoff.runs.plans import ContestantPlan, Plan
from bakeoff.sections import Section
from bakeoff.training.progress import Progress


def plan(
    config: str | Path | Mapping[str, Any] | BakeoffConfig, *, overrides: Sequence[str] = (), progress: Progress | None = None
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
    contestants = _plan_contestants(checked, prepared, progress)
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


def _plan_contestants(config: BakeoffConfig, prepared: SplitTable | SplitCorpus, progress: Progress) -> list[ContestantPlan]:
    # Imported here for the same reason as in `run`: linear models need not wait for torch.
    if isinstance(config, LanguageModelConfig):
        from bakeoff.tasks.planning_language_model import plan_contestants as plan_language_models

        assert isinstance(prepared, SplitCorpus)
        return plan_language_models(config, prepared, progress)
    from bakeoff.tasks.planning_classification import plan_contestants as plan_classifiers

    assert isinstance(prepared, SplitTable)
    return plan_classifiers(config, prepared, progress)


def _warnings(found: Plan, config: BakeoffConfig) -> list[str]:
    warnings = []
    for each in found.contestants:
        if each.peak_memory_bytes > found.available_memory_bytes:
            warnings.append(
                f"{each.name} needs {size(each.peak_memory_bytes)} of memory, and {size(found.available_memory_bytes)} "
                f"are there: {_saving_memory(config.contestants[each.name])}."
            )
    if found.disk_bytes > found.free_disk_bytes:
        warnings.append(
            f"The run needs up to {size(found.disk_bytes)} of disk, and {size(found.free_disk_bytes)} are free here: "
            "free some, or put the run on another disk with -o."
        )
    return warnings


def _saving_memory(settings: Section) -> str:
    if isinstance(settings, RecurrentConfig):
        return "lower its batch_size, max_length or hidden_size"
    if isinstance(settings, TransformerConfig):
        return "choose a smaller model" if settings.tuning == "lora" else "train with tuning: lora"
    if getattr(settings, "activation_checkpointing", True):
        return "train with method lora" if isinstance(settings, FullConfig) else "choose a smaller model"
    return "set its activation_checkpointing: true" + (
        ", or train with method lora" if isinstance(settings, FullConfig) else ""
    )
