"""Run a bake-off: read the data, train and evaluate each contestant, decide, report."""

from __future__ import annotations

import contextlib
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff import machine
from bakeoff.concluding import conclude
from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.config.changes import load_changed
from bakeoff.config.in_memory import load_with_tables, named_by_key, with_files
from bakeoff.config.paths import with_absolute_paths
from bakeoff.elsewhere import elsewhere
from bakeoff.environment import current_environment
from bakeoff.errors import DivergedError, UserError
from bakeoff.execution.in_process import InProcess
from bakeoff.execution.schedule import Ended, Executor, carry_out
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.mending import damage, mend
from bakeoff.runs.plans import Plan
from bakeoff.runs.results import ContestantResult, Verdict
from bakeoff.shared_run import SharedRun
from bakeoff.tasks.base import get_task
from bakeoff.training import distributed, torchrun, trackers
from bakeoff.training.progress import Progress
from bakeoff.trainings import bake, changed_source, describe, list_trainings, name_of, prepare_data, train_in


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
    storage: str | None = None,
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
        storage: A folder of an object store (`s3://BUCKET/FOLDER`; what fsspec understands) through which the machines
            of the cluster exchange files, if they share no disk.
        forecast: Of `bakeoff.plan`: memory to reserve on the cluster, and the longest trainings start first.

    Raises:
        UserError: something the user can fix. No folder is left behind if nothing was trained yet.
    """
    checked, tables = load_with_tables(config, overrides)
    folder = RunFolder(output or Path("runs") / (checked.name or checked.task))
    if not torchrun.is_main_process():
        stored = with_files(checked, {key: folder.table(key) for key in tables})
        return _follow(folder, with_absolute_paths(stored))
    _must_be_free(folder)
    trackers.must_be_installed(checked.tracker)
    progress = progress or Progress()
    carrier = _carrier(storage, on, folder, checked)
    first_of_its_place = not folder.path.parent.exists()
    # Locked before the data are read: that may take long, and no other run may begin in the folder meanwhile.
    with folder.locked(), contextlib.ExitStack() as stack:
        _must_be_free(folder)  # another run may have ended between the first look and the lock
        stack.enter_context(_removed_if_nothing_was_trained(folder, first_of_its_place, carrier))
        if carrier is not None:
            carrier.must_be_free()
        executor = stack.enter_context(elsewhere(folder, checked, workers, on, carrier))
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
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
    workers: int = 1,
    on: str | None = None,
    storage: str | None = None,
    forecast: Plan | None = None,
) -> RunOutcome:
    """Continue a run that was interrupted, or write the reports of a finished one again. Under torchrun as `run`.

    Args:
        path: The run folder.
        overrides: Assignments to `contestants.NAME.max_cost` and `tracker`, which hold for the rest of the run, too.
        progress: Is told how the run proceeds.
        workers: As in `run`, like `on` and `forecast`; the run may have begun with others.
        on: As in `run`, like `storage`.
        forecast: As in `run`.

    Raises:
        UserError: the folder holds no run, its data have changed since, or an override would change its results.
    """
    folder = RunFolder(path)
    folder.must_hold_a_run()
    progress = progress or Progress()
    config = load_changed(folder.config_values(), overrides)
    if overrides:
        distributed.largest(0)  # which ends when every process has read the file that is about to change
    if not torchrun.is_main_process():
        return _follow(folder, config)
    with folder.locked():
        folder.environment()  # every result is compared with it: if it is damaged, nothing is trained in vain
        carrier = _carrier(storage, on, folder, config)
        if carrier is not None:
            carrier.fetch()
        if overrides:
            folder.change_config_file(config.model_dump(mode="json"))
        contestants = [contestant.folder for contestant in list_trainings(folder, config) if not contestant.trial]
        for contestant in contestants:
            if contestant.ended:  # and a kill came before its checkpoint was removed
                contestant.remove_scaffolding()
        known = _known_data(folder)
        if (
            known
            and folder.concluded
            and not folder.lost_traits
            and all(contestant.ended and damage(contestant) is None for contestant in contestants)
        ):
            _share_what_is_finished(folder, config)
            return RunOutcome(folder.path, *conclude(folder, config))
        trackers.must_be_installed(config.tracker)
        prepared, report = prepare_data(config, progress)
        if not known:
            if not folder.restore_data(report):
                folder.data()  # which says what is damaged
            progress.message(f"What {folder.path} says of its data was damaged, and was written again.")
        if (source := changed_source(config, report, folder.data())) is not None:
            raise UserError(
                f"The data of {folder.path} have changed since the run began ({source}).",
                "Put the old data back, or start a new run with -o.",
            )
        for contestant in contestants:
            for sentence in mend(contestant):
                progress.message(sentence)
        with elsewhere(folder, config, workers, on, carrier) as executor:
            return _bake(folder, config, prepared, progress, executor, forecast)


def _carrier(storage: str | None, on: str | None, folder: RunFolder, config: BakeoffConfig) -> SharedRun | None:
    if storage is not None and on is None:
        raise UserError(
            "--storage is for a cluster.", "Give --on ray://HOST:10001, too, or leave it out: this machine has a disk."
        )
    return SharedRun(storage, folder, config) if storage is not None else None


def _known_data(folder: RunFolder) -> bool:
    """Return whether the record of the data is there and intact."""
    try:
        folder.data()
    except UserError:
        return False
    return True


def _bake(
    folder: RunFolder,
    config: BakeoffConfig,
    prepared: Any,
    progress: Progress,
    executor: Executor | None,
    forecast: Plan | None,
) -> RunOutcome:
    """Train and evaluate what is not finished, then conclude."""
    _share_what_is_finished(folder, config)
    trackers.warm_up(config.tracker, name_of(folder, config))
    contestants = list_trainings(folder, config)
    jobs = [describe(config, contestants, number, forecast) for number in range(1, len(contestants) + 1)]

    def train_here(number: int, progress: Progress) -> Ended:
        return train_in(folder, config, contestants[number - 1], prepared, progress)

    if folder.lost_traits:
        progress.message(f"What {folder.path} says of its test texts was damaged, and is computed again.")
    with machine.many_trainings():
        carry_out(jobs, executor or InProcess(train_here), progress)
        if folder.traits() is None and (traits := get_task(config).traits(config, prepared, progress)) is not None:
            folder.write_traits(traits)  # after the contestants, whose vectors of texts may serve for it
    progress.stage("writing the report")
    return RunOutcome(folder.path, *conclude(folder, config))


def _share_what_is_finished(folder: RunFolder, config: BakeoffConfig) -> None:
    """Tell the other processes, which cannot look themselves: the main process is writing into the folder."""
    for contestant in list_trainings(folder, config):
        distributed.broadcast(contestant.folder.ended)


def _follow(folder: RunFolder, config: BakeoffConfig) -> RunOutcome:
    """Train and score along with the main process; write nothing."""
    silent = Progress()
    everything = list_trainings(folder, config, writes=False)
    unfinished = [contestant for contestant in everything if not distributed.broadcast(False)]
    if unfinished:
        prepared, _ = prepare_data(config, silent)
    for contestant in unfinished:
        with contextlib.suppress(DivergedError):  # which all processes notice
            bake(config, contestant, prepared, silent)
    distributed.wait()  # for the verdict
    return RunOutcome(folder.path, [contestant.average() for contestant in folder.evaluated()], folder.verdict())


def _must_be_free(folder: RunFolder) -> None:
    """Check that a new run can begin in a folder.

    Raises:
        UserError: it holds a run, or something else.
    """
    here, free = (shlex.quote(str(path)) for path in (folder.path, free_name(folder.path)))
    if folder.holds_a_run:
        raise UserError(
            f"{folder.path} already holds a run.",
            f"Continue it: `bakeoff resume {here}`. Or choose another folder: `-o {free}`.",
        )
    if folder.holds_leftovers_only:
        return
    if folder.path.exists() and (not folder.path.is_dir() or any(folder.path.iterdir())):
        raise UserError(f"{folder.path} exists and is not a run.", f"Choose another: `-o {free}`.")


def free_name(path: Path) -> Path:
    """Return a path beside `path` that does not exist: `runs/mine-2`."""
    number = 2
    while (candidate := path.with_name(f"{path.name}-{number}")).exists():
        number += 1
    return candidate


@contextlib.contextmanager
def _removed_if_nothing_was_trained(
    folder: RunFolder, first_of_its_place: bool, carrier: SharedRun | None
) -> Iterator[None]:
    """Remove the folder of a run that fails before its first step, so that it is not in the way of the next try.

    The folder around it, such as `runs`, goes as well if this run was the first there. A published run is kept: what
    others have trained of it may not have arrived here, and its storage lets no new run of its name begin.
    """
    try:
        yield
    except BaseException as error:
        published = carrier is not None and carrier.published
        could_resume = folder.holds_a_run and (published or not isinstance(error, UserError))
        if not could_resume and not folder.begun:
            shutil.rmtree(folder.path, ignore_errors=True)
            if first_of_its_place:
                with contextlib.suppress(OSError):  # another run has begun there
                    folder.path.parent.rmdir()
        raise
