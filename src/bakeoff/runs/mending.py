"""Find the damage to a contestant's files, and remove what is damaged and can be computed again."""

from __future__ import annotations

from collections.abc import Iterator

from bakeoff.errors import DamagedError
from bakeoff.runs import checksums
from bakeoff.runs.contestant_folder import ContestantFolder, StageFolder
from bakeoff.runs.writing import recover_folder, remove


def damage(folder: ContestantFolder) -> str | None:
    """Return what is wrong with the files of a contestant that has ended, or None."""
    if folder.finished and folder.failed:
        return f"{folder.path} holds a result, and why there is none."
    try:
        checksums.check_folder(folder.path, but=(folder.average_file,))
        checksums.check_folder(folder.model)
        if folder.finished:
            logs = (folder.training_log, folder.trials, folder.samples)
            for read in (folder.result, folder.scores, folder.out_of_scope, *logs):
                read()
        else:
            folder.failure()
    except DamagedError as error:
        return error.message
    return None


def mend(folder: ContestantFolder) -> Iterator[str]:
    """Remove what is damaged and can be computed again; yield sentences about it.

    A contestant that has ended starts again. Otherwise its damaged trainings do, its own and those of stages and
    trials; what it has finished before stays.
    """
    if isinstance(folder, StageFolder):
        yield from _mend_stage(folder)
        return
    for path in folder.path.glob("*"):
        if not path.is_file() and not path.is_dir():  # a pipe or a device: nothing can be written in its place
            yield f"{path} was no file, and was removed."
            path.unlink()
    if folder.ended:
        if problem := damage(folder):
            yield f"{problem} {folder.name} starts again."
            _empty(folder)
        return
    checksums.remove_manifest(folder.path)  # of a result that was removed
    yield from _mend_parts(folder)
    yield from _mend_training(folder)
    folder.remove_unproven()


def _mend_parts(folder: ContestantFolder) -> Iterator[str]:
    for part in (*folder.stages(), *folder.open_trials()):
        yield from _mend_stage(part)


def _mend_stage(stage: StageFolder) -> Iterator[str]:
    if not stage.finished:
        checksums.remove_manifest(stage.path)  # a kill came before the summary
        yield from _mend_parts(stage)
        yield from _mend_training(stage)
        stage.remove_unproven()
        return
    try:
        if not checksums.check_folder(stage.path):
            raise DamagedError(stage.path, "has lost its checksums")
        checksums.check_folder(stage.model)
    except DamagedError as error:
        yield f"{error.message} {stage.name} starts again."
        stage.remove_training()
        remove(stage.path)
    else:
        stage.cut_metrics_to_summary()


def _mend_training(folder: ContestantFolder) -> Iterator[str]:
    """Remove a training whose checkpoint, model or metrics are damaged, or to which no checkpoint belongs.

    Only a checkpoint says whose a log is. Without one, the log may be that of another contestant.
    """
    recover_folder(folder.checkpoint)
    recover_folder(folder.model)
    if not folder.checkpoint.is_dir():
        if folder.metrics_size() and not folder.open_trials():  # from which a search copies it again
            yield f"{folder.name}: there is no checkpoint, so it starts again."
        folder.remove_training()
        return
    try:
        if not checksums.check_folder(folder.checkpoint):
            raise DamagedError(folder.checkpoint, "has lost its checksums")
        checksums.check_folder(folder.model)
    except DamagedError as error:
        yield f"{error.message} {folder.name} starts again."
        folder.remove_training()


def _empty(folder: ContestantFolder) -> None:
    """Remove everything but the other trainings: seeds, folds, and those on a part of the rows."""
    for path in folder.path.iterdir():
        if not path.is_dir() or not path.name.startswith(("repeat-", "fold-", "part-")):
            remove(path)
