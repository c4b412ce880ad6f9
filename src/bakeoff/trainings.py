"""The trainings of a bake-off: each contestant with each of its seeds, on each fold and each part of the rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bakeoff import machine
from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.config.paths import contestants_files
from bakeoff.config.repeats import folds, parts, seeds
from bakeoff.copied_files import here
from bakeoff.data.files import sha256_of_file
from bakeoff.environment import other_circumstances
from bakeoff.errors import DivergedError, NotEnoughMemoryError, UserError
from bakeoff.evaluation.wording import size
from bakeoff.execution.schedule import Ended, Job
from bakeoff.methods.base import MethodConfig
from bakeoff.methods.registry import get_method
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.data_report import DataReport
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.plans import Plan
from bakeoff.runs.results import ContestantResult
from bakeoff.tasks.base import Contestant, get_task
from bakeoff.training import torchrun, trackers
from bakeoff.training.progress import Progress


def prepare_data(config: BakeoffConfig, progress: Progress) -> tuple[Any, DataReport]:
    """Read and split the data of a bake-off; tell `progress` what was skipped or is worth knowing.

    Raises:
        UserError: the data cannot be read, or a contestant cannot be trained on them.
    """
    progress.stage("reading data")
    prepared, report = get_task(config).prepare(config)
    report.files.update({str(file): sha256_of_file(Path(here(str(file)))) for file in contestants_files(config)})
    for reason, count in report.skipped.items():
        progress.message(f"Skipped {count:,} rows of {report.source}: {reason}.")
    for note in report.notes:
        progress.message(note)
    return prepared, report


def changed_source(config: BakeoffConfig, now: DataReport, before: DataReport) -> str | None:
    """Return a source that no longer holds what the run began with, or None."""
    if now.fingerprint != before.fingerprint:
        return now.source
    files = map(str, contestants_files(config))
    # A run of an earlier version may have recorded fewer files.
    return next((file for file in files if now.files[file] != before.files.get(file, now.files[file])), None)


def list_trainings(folder: RunFolder, config: BakeoffConfig, *, writes: bool = True) -> list[Contestant]:
    """Return everything that a bake-off trains, in order: each contestant with each of its seeds, on each fold.

    With folds, the last training of a seed is that on all rows. With a learning curve, those on parts of the rows
    follow it. Trials of a search that can be made at the same time precede it.
    """
    contestants: list[Contestant] = []
    trained: dict[str, list[ContestantFolder]] = {}  # by name, one folder a seed
    count = folds(config)
    for name in config.contestants:
        homes: list[ContestantFolder] = []
        own: list[Contestant] = []
        for number, seed in enumerate(seeds(config, name), start=1):
            home = folder.contestant(name, writes=writes).repeat(number)
            label = name if config.repeats == 1 else f"{name}, seed {seed}"
            earlier = {other: theirs[min(number, len(theirs)) - 1] for other, theirs in trained.items()}
            trainings: list[Contestant] = []
            for fold in range(1, count + 1):
                its_earlier = {other: before.fold(fold) for other, before in earlier.items()}
                its_label = f"{label}, fold {fold} of {count}"
                trainings.append(Contestant(name, seed, home.fold(fold), its_label, its_earlier, fold))
            its_label = f"{label}, all rows" if count else label
            trainings.append(Contestant(name, seed, home, its_label, earlier))
            for part, share in enumerate(parts(config, name), start=1):
                its_earlier = {
                    other: before.part(part) if parts(config, other) else before for other, before in earlier.items()
                }
                its_label = f"{label}, {share * 100:g}% of the rows"
                trainings.append(Contestant(name, seed, home.part(part), its_label, its_earlier, part=part))
            for training in trainings:
                contestants += _with_trials(config, replace(training, before=list(own)))
                own.append(training)
            homes.append(home)
        trained[name] = homes
    return contestants


def _with_trials(config: BakeoffConfig, contestant: Contestant) -> list[Contestant]:
    count = _trials(config.contestants[contestant.name])
    return [*(replace(contestant, trial=number) for number in range(1, count + 1)), contestant]


def _trials(settings: MethodConfig) -> int:
    """Return how many trials of a search are trainings of their own."""
    tune = settings.tune
    return tune.trials or 0 if tune is not None and tune.at_once > 1 else 0


def describe(config: BakeoffConfig, contestants: Sequence[Contestant], number: int, forecast: Plan | None) -> Job:
    """Return a training as those see it who decide when and where it is carried out."""
    contestant = contestants[number - 1]
    settings, home = config.contestants[contestant.name], contestant.folder.path
    needed = {contestant.earlier[member].path for member in settings.builds_on}
    if settings.limits_spending:  # each must know what those before it have cost
        needed |= {other.folder.path for other in contestant.before}
    needs = frozenset(
        other
        for other, earlier in enumerate(contestants[: number - 1], start=1)
        if earlier.folder.path in needed
        or (earlier.fold and not contestant.fold and earlier.folder.path.parent == home)
        or (earlier.folder.path == home and _round_of(earlier, settings) != _round_of(contestant, settings))
    )
    label, seconds = contestant.label, 0.0
    uses_gpu = get_method(config.task, settings.method).uses_gpu
    planned = next((each for each in forecast.contestants if each.name == contestant.name), None) if forecast else None
    if planned is not None:
        seconds = planned.total_seconds
    if contestant.trial:
        label += f", trial {contestant.trial}"
        seconds /= _trials(settings)
    return Job(
        number,
        label,
        needs,
        ended(contestant),
        uses_gpu,
        memory_bytes=planned.peak_memory_bytes if planned and forecast and not forecast.accelerator else 0,
        seconds=seconds,
    )


def _round_of(contestant: Contestant, settings: MethodConfig) -> int:
    """Return the round of a search that a trial belongs to, from 1; 0: it is no trial."""
    return -(-contestant.trial // settings.tune.at_once) if settings.tune is not None else 0


def ended(contestant: Contestant) -> Ended | None:
    """Return how a training has ended; None if it has not."""
    if contestant.trial:
        return Ended() if contestant.folder.has_trial(contestant.trial) else None
    if not contestant.folder.ended:
        return None
    return Ended(contestant.folder.result() if contestant.folder.finished else None)


def bake(config: BakeoffConfig, contestant: Contestant, prepared: Any, progress: Progress) -> ContestantResult | None:
    """Train and evaluate a contestant, as its task does it.

    Raises:
        NotEnoughMemoryError: memory has run out, whatever it was for.
    """
    try:
        return get_task(config).bake(config, contestant, prepared, progress)
    except UserError:
        raise
    except Exception as error:
        from bakeoff.training.memory import SAVING_MEMORY, is_out_of_memory

        if not is_out_of_memory(error):
            raise
        available = size(machine.available_memory_bytes())
        raise NotEnoughMemoryError(
            f"{contestant.label}: there is not enough memory ({available} are available).", SAVING_MEMORY
        ) from None


def train_in(
    folder: RunFolder, config: BakeoffConfig, contestant: Contestant, prepared: Any, progress: Progress
) -> Ended:
    """Carry out a training, and write its result or why it has none."""
    try:
        result = _bake_one(folder, config, contestant, prepared, progress)
    except DivergedError as error:
        contestant.folder.write_failure(error.message)
        return Ended(failure=f"{error.message} It has no result, and the bake-off goes on. {error.hint}")
    if result is not None:
        contestant.folder.write_result(result)
    return Ended(result)


def _bake_one(
    folder: RunFolder, config: BakeoffConfig, contestant: Contestant, prepared: Any, progress: Progress
) -> ContestantResult | None:
    """Train and evaluate a contestant, or make one trial of its search, which has no result of its own.

    Raises:
        DivergedError: it cannot have a result.
    """
    machine.reset_peak_memory()
    with trackers.tracked(
        config.tracker,
        progress,
        run=name_of(folder, config),
        training=contestant.label,
        contestant=contestant.folder,
    ) as tracked:
        if contestant.trial:
            get_task(config).make_trial(config, contestant, prepared, tracked)
            return None
        result = bake(config, contestant, prepared, tracked)
    assert result is not None  # in the main process
    if endless := [metric.protocol for metric in result.metrics if not math.isfinite(metric.value)]:
        raise DivergedError(f"{contestant.label}: {endless[0]} is not a finite number.", "Lower its learning_rate.")
    if (processes := torchrun.world_size()) > 1:
        result.notes.append(f"{processes} processes worked together; time and memory are the main process's.")
    if config.repeats > 1 and len(seeds(config, contestant.name)) == 1:
        result.notes.append("Trained once: it does not depend on the seed.")
    if (differences := other_circumstances(folder.environment(), result.training.precision)) is not None:
        result.notes.append(f"Trained {differences}, where the run began: the last digits of its numbers may differ.")
    return result


def name_of(folder: RunFolder, config: BakeoffConfig) -> str:
    return config.name or folder.path.resolve().name
