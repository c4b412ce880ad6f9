"""Run a bake-off: read the data, train and evaluate each contestant, decide, report."""

from __future__ import annotations

import contextlib
import functools
import math
import platform
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff import machine
from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.config.in_memory import load_with_tables, named_by_key, with_files
from bakeoff.config.load import load_config
from bakeoff.config.paths import contestants_files, with_absolute_paths
from bakeoff.config.repeats import folds, parts, seeds
from bakeoff.data.files import sha256_of_file
from bakeoff.environment import current_environment, other_circumstances
from bakeoff.errors import DivergedError, UserError
from bakeoff.execution.in_process import InProcess
from bakeoff.execution.schedule import Assignment, Ended, Executor, Job, carry_out
from bakeoff.methods.registry import get_method
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.data_report import DataReport
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.mending import damage, mend
from bakeoff.runs.plans import Plan
from bakeoff.runs.results import ContestantResult, EpochLine, Verdict
from bakeoff.tasks.base import Contestant, get_task
from bakeoff.training import distributed, trackers
from bakeoff.training.progress import Progress

if TYPE_CHECKING:
    from bakeoff.evaluation.learning_curve import Sized

LEFT_SECONDS = 60.0
"""Time that another process is given to leave a training, if its machine was cut off from the others."""


@dataclass(frozen=True)
class RunOutcome:
    """A finished bake-off."""

    folder: Path
    results: list[ContestantResult]  # in the order of the config; means where there are several seeds
    verdict: Verdict

    @property
    def report(self) -> Path:
        """The HTML report."""
        return RunFolder(self.folder).html_report

    def _repr_html_(self) -> str | None:
        """Return what a notebook shows: the verdict and the comparison; nothing once the folder is gone."""
        from bakeoff.report.loaded import load_run

        try:
            return load_run(RunFolder(self.folder))._repr_html_()
        except UserError:
            return None


def run(
    config: str | Path | Mapping[str, Any] | BakeoffConfig,
    output: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
    workers: int = 1,
    on: str | None = None,
    forecast: Plan | None = None,
) -> RunOutcome:
    """Run a bake-off.

    Under torchrun every process must call this. All of them train and score; the main process writes the run folder,
    which all must see, and reports progress.

    Args:
        config: Name of a built-in bake-off, path of a YAML file, its values, or a checked config. In values, `table`,
            `train`, `validation` and `test` of `data` may be tables themselves: data frames of pandas or polars, Arrow
            tables, datasets, lists of dicts. They are stored in the run folder.
        output: The run folder, which must not hold a run yet; by default `runs/NAME`.
        overrides: Assignments such as `contestants.lstm.hidden_size=256`.
        progress: Is told how the run proceeds.
        workers: Trainings to run at the same time, each in a process of its own with its share of the cores.
        on: Carry the trainings out on a Ray cluster instead: `ray` starts one here, `ray://HOST:PORT` is one.
        forecast: Of `bakeoff.plan`: memory to reserve on the cluster, and the longest trainings start first.

    Raises:
        UserError: something the user can fix. No folder is left behind if nothing was trained yet.
    """
    checked, tables = load_with_tables(config, overrides)
    folder = RunFolder(output or Path("runs") / (checked.name or checked.task))
    if not distributed.is_main_process():
        stored = with_files(checked, {key: folder.table(key) for key in tables})
        return _follow(folder, with_absolute_paths(stored))
    _must_be_free(folder)
    trackers.must_be_installed(checked.tracker)
    progress = progress or Progress()
    first_of_its_place = not folder.path.parent.exists()
    # Locked before the data are read: that may take long, and no other run may begin in the folder meanwhile.
    with folder.locked(), contextlib.ExitStack() as stack:
        _must_be_free(folder)  # another run may have ended between the first look and the lock
        stack.enter_context(_removed_if_nothing_was_trained(folder, first_of_its_place))
        executor = stack.enter_context(_elsewhere(folder, checked, workers, on))
        if tables:  # which are read from the folder
            files = folder.write_tables(tables)
            checked = with_files(checked, files)
            stack.enter_context(named_by_key(files))
        checked = with_absolute_paths(checked)
        prepared, report = prepare_data(checked, progress)
        folder.write_data(report)
        folder.write_environment(executor.environment() if executor else current_environment())
        folder.write_config_file(checked.model_dump(mode="json"))
        return _bake(folder, checked, prepared, progress, executor, forecast)


def resume(
    path: str | Path,
    *,
    progress: Progress | None = None,
    workers: int = 1,
    on: str | None = None,
    forecast: Plan | None = None,
) -> RunOutcome:
    """Continue a run that was interrupted, or write the reports of a finished one again. Under torchrun as `run`.

    Args:
        path: The run folder.
        progress: Is told how the run proceeds.
        workers: As in `run`, like `on` and `forecast`; the run may have begun with others.
        on: As in `run`.
        forecast: As in `run`.

    Raises:
        UserError: the folder holds no run, or its data have changed since.
    """
    folder = RunFolder(path)
    folder.must_hold_a_run()
    progress = progress or Progress()
    config = load_config(folder.config_values())
    if not distributed.is_main_process():
        return _follow(folder, config)
    trackers.must_be_installed(config.tracker)
    with folder.locked():
        contestants = [contestant.folder for contestant in _contestants(folder, config)]
        known = _known_data(folder)
        if (
            known
            and folder.concluded
            and all(contestant.ended and damage(contestant) is None for contestant in contestants)
        ):
            _share_what_is_finished(folder, config)
            return _conclude(folder, config)
        prepared, report = prepare_data(config, progress)
        if not known:
            if not folder.restore_data(report):
                folder.data()  # which says what is damaged
            progress.message(f"What {folder.path} says of its data was damaged, and was written again.")
        if (source := _changed(config, report, folder.data())) is not None:
            raise UserError(
                f"The data of {folder.path} have changed since the run began ({source}).",
                "Put the old data back, or start a new run with -o.",
            )
        for contestant in contestants:
            for sentence in mend(contestant):
                progress.message(sentence)
        with _elsewhere(folder, config, workers, on) as executor:
            return _bake(folder, config, prepared, progress, executor, forecast)


def prepare_data(config: BakeoffConfig, progress: Progress) -> tuple[Any, DataReport]:
    """Read and split the data of a bake-off; tell `progress` what was skipped or is worth knowing.

    Raises:
        UserError: the data cannot be read, or a contestant cannot be trained on them.
    """
    progress.stage("reading data")
    prepared, report = get_task(config).prepare(config)
    report.files.update({str(file): sha256_of_file(file) for file in contestants_files(config)})
    for reason, count in report.skipped.items():
        progress.message(f"Skipped {count:,} rows of {report.source}: {reason}.")
    for note in report.notes:
        progress.message(note)
    return prepared, report


def _known_data(folder: RunFolder) -> bool:
    """Return whether the record of the data is there and intact."""
    try:
        folder.data()
    except UserError:
        return False
    return True


def _changed(config: BakeoffConfig, now: DataReport, before: DataReport) -> str | None:
    """Return a source that no longer holds what the run began with, or None."""
    if now.fingerprint != before.fingerprint:
        return now.source
    files = map(str, contestants_files(config))
    return next((file for file in files if now.files[file] != before.files.get(file)), None)


def _contestants(folder: RunFolder, config: BakeoffConfig, *, writes: bool = True) -> list[Contestant]:
    """Return everything that a bake-off trains, in order: each contestant with each of its seeds, on each fold.

    With folds, the last training of a seed is that on all rows. With a learning curve, those on parts of the rows
    follow it.
    """
    contestants = []
    trained: dict[str, list[ContestantFolder]] = {}  # by name, one folder a seed
    count = folds(config)
    for name in config.contestants:
        homes: list[ContestantFolder] = []
        for number, seed in enumerate(seeds(config, name), start=1):
            home = folder.contestant(name, writes=writes).repeat(number)
            label = name if config.repeats == 1 else f"{name}, seed {seed}"
            earlier = {other: theirs[min(number, len(theirs)) - 1] for other, theirs in trained.items()}
            for fold in range(1, count + 1):
                its_earlier = {other: before.fold(fold) for other, before in earlier.items()}
                its_label = f"{label}, fold {fold} of {count}"
                contestants.append(Contestant(name, seed, home.fold(fold), its_label, its_earlier, fold))
            contestants.append(Contestant(name, seed, home, f"{label}, all rows" if count else label, earlier))
            for part, share in enumerate(parts(config, name), start=1):
                its_earlier = {
                    other: before.part(part) if parts(config, other) else before for other, before in earlier.items()
                }
                its_label = f"{label}, {share * 100:g}% of the rows"
                contestants.append(Contestant(name, seed, home.part(part), its_label, its_earlier, part=part))
            homes.append(home)
        trained[name] = homes
    return contestants


def _elsewhere(
    folder: RunFolder, config: BakeoffConfig, workers: int, on: str | None
) -> contextlib.AbstractContextManager[Executor | None]:
    """Return what carries the trainings out in other processes; None: they are carried out in this one.

    Raises:
        UserError: torchrun has started several processes, which share each training; or as the executor.
    """
    if workers == 1 and on is None:
        return contextlib.nullcontext()
    if workers > 1 and on is not None:
        raise UserError(
            "--workers and --on cannot be combined.", "On a cluster, Ray starts as many as there is room for."
        )
    if distributed.world_size() > 1:
        raise UserError(
            "torchrun divides each training between processes; --workers and --on give a process a whole training.",
            "Run without torchrun.",
        )
    assignment = Assignment("bakeoff.runner:train", str(folder.path.resolve()), secrets.token_hex(8))
    if on is not None:
        from bakeoff.execution.on_ray import OnRay

        return OnRay(on, len(_contestants(folder, config)), assignment)
    from bakeoff.execution.processes import Processes

    return Processes(workers, assignment)


def _bake(
    folder: RunFolder,
    config: BakeoffConfig,
    prepared: Any,
    progress: Progress,
    elsewhere: Executor | None,
    forecast: Plan | None,
) -> RunOutcome:
    """Train and evaluate what is not finished, then conclude."""
    _share_what_is_finished(folder, config)
    trackers.warm_up(config.tracker, _name(folder, config))
    contestants = _contestants(folder, config)
    jobs = [_job(config, contestants, number, forecast) for number in range(1, len(contestants) + 1)]

    def train_here(number: int, progress: Progress) -> Ended:
        return _train(folder, config, contestants[number - 1], prepared, progress)

    carry_out(jobs, elsewhere or InProcess(train_here), progress)
    if folder.traits() is None and (traits := get_task(config).traits(config, prepared, progress)) is not None:
        folder.write_traits(traits)  # after the contestants, whose vectors of texts may serve for it
    progress.stage("writing the report")
    return _conclude(folder, config)


def _job(config: BakeoffConfig, contestants: Sequence[Contestant], number: int, forecast: Plan | None) -> Job:
    """Return a training as those see it who decide when and where it is carried out."""
    contestant = contestants[number - 1]
    settings, home = config.contestants[contestant.name], contestant.folder.path
    needed = {contestant.earlier[member].path for member in settings.builds_on}
    needs = frozenset(
        other
        for other, earlier in enumerate(contestants[: number - 1], start=1)
        if earlier.folder.path in needed
        or (earlier.fold and not contestant.fold and earlier.folder.path.parent == home)
    )
    uses_gpu = get_method(config.task, settings.method).uses_gpu
    planned = next((each for each in forecast.contestants if each.name == contestant.name), None) if forecast else None
    return Job(
        number,
        contestant.label,
        needs,
        _ended(contestant),
        uses_gpu,
        memory_bytes=planned.peak_memory_bytes if planned and forecast and not forecast.accelerator else 0,
        seconds=planned.total_seconds if planned else 0.0,
    )


def _ended(contestant: Contestant) -> Ended | None:
    """Return how a training has ended; None if it has not."""
    if not contestant.folder.ended:
        return None
    return Ended(contestant.folder.result() if contestant.folder.finished else None)


def train(path: str, session: str, number: int, progress: Progress) -> Ended:
    """Carry out one training of a run, in a process that reads all it needs from the run folder.

    Args:
        path: The run folder, with its config and the record of its data.
        session: A name for the call of `run` or `resume`; what was read is kept until another one comes.
        number: That of the training among all of the run, from 1.
        progress: Is told how the training proceeds.

    Raises:
        UserError: this process does not see the folder, or other data; or as the training itself.
    """
    folder, config, prepared = _opened(path, session)
    contestant = _contestants(folder, config)[number - 1]
    with contestant.folder.locked(LEFT_SECONDS):
        for sentence in mend(contestant.folder):  # the process that carried it out before may have been killed
            progress.message(sentence)
        return _ended(contestant) or _train(folder, config, contestant, prepared, progress)


@functools.lru_cache(maxsize=1)
def _opened(path: str, session: str) -> tuple[RunFolder, BakeoffConfig, Any]:
    """Return a run folder, its config and its data, which each process reads and splits for itself."""
    folder = RunFolder(path)
    folder.must_hold_a_run()
    config = load_config(folder.config_values())
    prepared, report = prepare_data(config, Progress())
    if (source := _changed(config, report, folder.data())) is not None:
        raise UserError(
            f"On {platform.node()}, {source} holds other data than where the run began.",
            "Put the data on a disk that all machines see, or make the copies equal.",
        )
    return folder, config, prepared


def _train(
    folder: RunFolder, config: BakeoffConfig, contestant: Contestant, prepared: Any, progress: Progress
) -> Ended:
    """Carry out a training, and write its result or why it has none."""
    try:
        result = _bake_one(folder, config, contestant, prepared, progress)
    except DivergedError as error:
        contestant.folder.write_failure(error.message)
        return Ended(failure=f"{error.message} It has no result, and the bake-off goes on. {error.hint}")
    contestant.folder.write_result(result)
    return Ended(result)


def _bake_one(
    folder: RunFolder, config: BakeoffConfig, contestant: Contestant, prepared: Any, progress: Progress
) -> ContestantResult:
    """Train and evaluate a contestant.

    Raises:
        DivergedError: it cannot have a result.
    """
    machine.reset_peak_memory()
    with trackers.tracked(
        config.tracker,
        progress,
        run=_name(folder, config),
        training=contestant.label,
        contestant=contestant.folder,
    ) as tracked:
        result = get_task(config).bake(config, contestant, prepared, tracked)
    if endless := [metric.protocol for metric in result.metrics if not math.isfinite(metric.value)]:
        raise DivergedError(f"{contestant.label}: {endless[0]} is not a finite number.", "Lower its learning_rate.")
    if (processes := distributed.world_size()) > 1:
        result.notes.append(f"{processes} processes worked together; time and memory are the main process's.")
    if config.repeats > 1 and len(seeds(config, contestant.name)) == 1:
        result.notes.append("Trained once: it does not depend on the seed.")
    if (differences := other_circumstances(folder.environment())) is not None:
        result.notes.append(f"Trained {differences}, where the run began: the last digits of its numbers may differ.")
    return result


def _name(folder: RunFolder, config: BakeoffConfig) -> str:
    return config.name or folder.path.resolve().name


def _share_what_is_finished(folder: RunFolder, config: BakeoffConfig) -> None:
    """Tell the other processes, which cannot look themselves: the main process is writing into the folder."""
    for contestant in _contestants(folder, config):
        distributed.broadcast(contestant.folder.ended)


def _follow(folder: RunFolder, config: BakeoffConfig) -> RunOutcome:
    """Train and score along with the main process; write nothing."""
    silent = Progress()
    everything = _contestants(folder, config, writes=False)
    unfinished = [contestant for contestant in everything if not distributed.broadcast(False)]
    if unfinished:
        prepared, _ = prepare_data(config, silent)
    for contestant in unfinished:
        with contextlib.suppress(DivergedError):  # which all processes notice
            get_task(config).bake(config, contestant, prepared, silent)
    distributed.wait()  # for the verdict
    return RunOutcome(folder.path, [contestant.average() for contestant in folder.evaluated()], folder.verdict())


def _conclude(folder: RunFolder, config: BakeoffConfig) -> RunOutcome:
    """Write averages over seeds, the verdict, the model cards and the reports, from what the folder holds."""
    from bakeoff.evaluation.repeats import average
    from bakeoff.evaluation.verdict import decide
    from bakeoff.report.output import write_model_cards, write_report

    contestants, evaluation = folder.evaluated(), config.evaluation
    failed = {each.name: reason for each in folder.contestants() if (reason := each.failure())}
    if not contestants:
        raise UserError(
            "\n  - ".join([f"No contestant of {folder.path} has a result:", *failed.values()]),
            "Change the config, and run it in a new folder.",
        )
    scores = {contestant.name: [repeat.scores() for repeat in contestant.repeats()] for contestant in contestants}
    for contestant in contestants:
        results = [repeat.result() for repeat in contestant.repeats()]
        if len(results) > 1:
            contestant.write_average(average(results, scores[contestant.name], confidence=evaluation.confidence))
    averages = [contestant.average() for contestant in contestants]
    verdict = decide(
        averages,
        scores,
        confidence=evaluation.confidence,
        resamples=evaluation.resamples,
        seed=config.seed,
        epochs={contestant.name: _on_the_clock(contestant) for contestant in contestants},
        samples={contestant.name: contestant.samples() for contestant in contestants},
        data=folder.data(),
        failed=failed,
        traits=folder.traits(),
        sized={contestant.name: _sized(contestant, config, folder.data()) for contestant in contestants},
    )
    folder.write_verdict(verdict)
    write_model_cards(folder)
    write_report(folder)
    distributed.wait()
    return RunOutcome(folder.path, averages, verdict)


def _sized(contestant: ContestantFolder, config: BakeoffConfig, data: DataReport) -> list[Sized]:
    """Return the trainings of a contestant on parts of the rows, as far as they have a result, and on all rows."""
    from bakeoff.evaluation.learning_curve import Sized
    from bakeoff.evaluation.repeats import average

    homes = contestant.repeats()
    whole = Sized(_training_rows(data), contestant.average(), [home.scores() for home in homes])
    learns = bool(parts(config, contestant.name))
    sized = []
    for number, rows in enumerate(data.parts, start=1):
        if not learns:  # as good with any number of rows
            sized.append(Sized(rows, whole.result, whole.scores))
            continue
        trained = [home.part(number) for home in homes]
        if all(part.finished for part in trained):
            results, scores = [part.result() for part in trained], [part.scores() for part in trained]
            confidence = config.evaluation.confidence
            mean = average(results, scores, confidence=confidence) if len(results) > 1 else results[0]
            sized.append(Sized(rows, mean, scores))
    return [*sized, whole]


def _training_rows(data: DataReport) -> int:
    return next((split.rows for split in data.splits if split.name == "train"), 0)


def _on_the_clock(contestant: ContestantFolder) -> list[EpochLine]:
    """Return the evaluations of a contestant, after the time that other trials of its search took."""
    epochs = contestant.training_log()[1]
    result = contestant.result()
    if result.search is None:
        return epochs
    best = next(trial for trial in result.search.trials if trial.number == result.search.best)
    others = result.training.seconds - best.training.seconds
    return [line.model_copy(update={"seconds": line.seconds + others}) for line in epochs]


def _must_be_free(folder: RunFolder) -> None:
    """Check that a new run can begin in a folder.

    Raises:
        UserError: it holds a run, or something else.
    """
    if folder.holds_a_run:
        raise UserError(
            f"{folder.path} already holds a run.",
            f"Continue it: `bakeoff resume {folder.path}`. Or choose another folder: `-o {free_name(folder.path)}`.",
        )
    if folder.holds_leftovers_only:
        return
    if folder.path.exists() and (not folder.path.is_dir() or any(folder.path.iterdir())):
        raise UserError(f"{folder.path} exists and is not a run.", f"Choose another: `-o {free_name(folder.path)}`.")


def free_name(path: Path) -> Path:
    """Return a path beside `path` that does not exist: `runs/mine-2`."""
    number = 2
    while (candidate := path.with_name(f"{path.name}-{number}")).exists():
        number += 1
    return candidate


@contextlib.contextmanager
def _removed_if_nothing_was_trained(folder: RunFolder, first_of_its_place: bool) -> Iterator[None]:
    """Remove the folder of a run that fails before its first step, so that it is not in the way of the next try.

    The folder around it, such as `runs`, goes as well if this run was the first there.
    """
    try:
        yield
    except BaseException as error:
        begun = folder.contestants() if folder.holds_a_run else []
        could_resume = folder.holds_a_run and not isinstance(error, UserError)
        if not could_resume and not any(contestant.begun for contestant in begun):
            shutil.rmtree(folder.path, ignore_errors=True)
            if first_of_its_place:
                with contextlib.suppress(OSError):  # another run has begun there
                    folder.path.parent.rmdir()
        raise
