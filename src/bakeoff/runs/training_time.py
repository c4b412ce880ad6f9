"""Place the evaluations of a contestant on the clock of its whole training."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.results import EpochLine


def on_the_clock(contestant: ContestantFolder, lines: Sequence[EpochLine]) -> list[EpochLine]:
    """Return the evaluations of a contestant, after all else that its training took.

    That is its pretraining, its linear part, and the other trials of its search: its log begins after them.
    """
    if not lines:
        return []
    earlier = max(0.0, _training_seconds(contestant) - lines[-1].seconds)
    return [line.model_copy(update={"seconds": line.seconds + earlier}) for line in lines]


def _training_seconds(contestant: ContestantFolder) -> float:
    """Return the training time on all rows. That of the result is a mean where there are folds."""
    result = contestant.result()
    if result.search is not None:
        return sum(trial.training.seconds for trial in result.search.trials)
    folds = [fold.result().training.seconds for fold in contestant.folds()]
    return result.training.seconds * (len(folds) + 1) - sum(folds)
