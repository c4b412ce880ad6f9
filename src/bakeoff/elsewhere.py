"""Carry out the trainings of a bake-off in other processes: on this machine, or on a cluster."""

from __future__ import annotations

import contextlib
import functools
import platform
import secrets
from typing import Any

from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.config.load import load_config
from bakeoff.errors import UserError
from bakeoff.execution.exchange import Carrier
from bakeoff.execution.schedule import Assignment, Ended, Executor
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.mending import mend
from bakeoff.training import torchrun, trackers
from bakeoff.training.progress import Progress
from bakeoff.trainings import changed_source, ended, list_trainings, name_of, prepare_data, train_in

LEFT_SECONDS = 60.0
"""Time that another process is given to leave a training, if its machine was cut off from the others."""


def elsewhere(
    folder: RunFolder, config: BakeoffConfig, workers: int, on: str | None, carrier: Carrier | None
) -> contextlib.AbstractContextManager[Executor | None]:
    """Return what carries the trainings out in other processes; None: they are carried out in this one.

    Args:
        carrier: What brings the files of the run to machines that share no disk with this one.

    Raises:
        UserError: torchrun has started several processes, which share each training; or as the executor.
    """
    if workers == 1 and on is None:
        return contextlib.nullcontext()
    if workers > 1 and on is not None:
        raise UserError(
            "--workers and --on cannot be combined.", "On a cluster, Ray starts as many as there is room for."
        )
    if torchrun.world_size() > 1:
        raise UserError(
            "torchrun divides each training between processes; --workers and --on give a process a whole training.",
            "Run without torchrun.",
        )
    session = secrets.token_hex(8)
    assignment = Assignment("bakeoff.elsewhere:train", str(folder.path.resolve()), session)
    if on is not None:
        from bakeoff.execution.on_ray import OnRay

        if carrier is not None:
            assignment = Assignment("bakeoff.shared_run:train_copy", carrier.url, session)
        return OnRay(on, len(list_trainings(folder, config)), assignment, carrier)
    from bakeoff.execution.processes import Processes

    return Processes(workers, assignment)


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
    contestant = list_trainings(folder, config)[number - 1]
    own = contestant.own_folder
    with own.locked(LEFT_SECONDS):
        for sentence in mend(own):  # the process that carried it out before may have been killed
            progress.message(sentence)
        return ended(contestant) or train_in(folder, config, contestant, prepared, progress)


@functools.lru_cache(maxsize=1)
def _opened(path: str, session: str) -> tuple[RunFolder, BakeoffConfig, Any]:
    """Return a run folder, its config and its data, which each process reads and splits for itself."""
    folder = RunFolder(path)
    folder.must_hold_a_run()
    config = load_config(folder.config_values())
    trackers.warm_up(config.tracker, name_of(folder, config))
    prepared, report = prepare_data(config, Progress())
    if (source := changed_source(config, report, folder.data())) is not None:
        raise UserError(
            f"On {platform.node()}, {source} holds other data than where the run began.",
            "Put the data on a disk that all machines see, or make the copies equal.",
        )
    return folder, config, prepared
