"""Conclude a bake-off whose trainings have ended: averages over seeds, the verdict, and the reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bakeoff.config.bakeoff import BakeoffConfig
from bakeoff.config.repeats import parts
from bakeoff.errors import UserError
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.data_report import DataReport
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.results import ContestantResult, Verdict
from bakeoff.runs.training_time import on_the_clock
from bakeoff.training import distributed

if TYPE_CHECKING:
    import pyarrow as pa

    from bakeoff.evaluation.learning_curve import Sized


def conclude(folder: RunFolder, config: BakeoffConfig) -> tuple[list[ContestantResult], Verdict]:
    """Write averages over seeds, the verdict, the model cards and the reports, from what the folder holds.

    Returns:
        The averages, in the order of the config, and the verdict.

    Raises:
        UserError: no contestant has a result.
    """
    from bakeoff.evaluation.verdict import decide
    from bakeoff.report.output import write_model_cards, write_report
    from bakeoff.tasks.features import without_features

    contestants, evaluation = folder.evaluated(), config.evaluation
    failed = {each.name: reason for each in folder.contestants() if (reason := each.failure())}
    if not contestants:
        raise UserError(
            "\n  - ".join([f"No contestant of {folder.path} has a result:", *failed.values()]),
            "Change the config, and run it in a new folder.",
        )
    scores: dict[str, list[pa.Table]] = {}
    for contestant in contestants:
        repeats = contestant.repeats()
        mean, scores[contestant.name] = _measured(repeats, evaluation.confidence)
        if len(repeats) > 1:
            contestant.write_average(mean)
    averages = [contestant.average() for contestant in contestants]
    out_of_scope = [(contestant.name, contestant.out_of_scope()) for contestant in contestants]
    verdict = decide(
        averages,
        scores,
        confidence=evaluation.confidence,
        resamples=evaluation.resamples,
        seed=config.seed,
        epochs={each.name: on_the_clock(each, each.training_log()[1]) for each in contestants},
        samples={contestant.name: contestant.samples() for contestant in contestants},
        data=folder.data(),
        failed=failed,
        traits=folder.traits(),
        sized={each.name: _sized(each, scores[each.name], config, folder.data()) for each in contestants},
        without_features=without_features(config),
        out_of_scope={name: table for name, table in out_of_scope if table is not None},
    )
    folder.write_verdict(verdict)
    write_model_cards(folder)
    write_report(folder)
    distributed.wait()
    return averages, verdict


def _measured(homes: Sequence[ContestantFolder], confidence: float) -> tuple[ContestantResult, list[pa.Table]]:
    """Return the result of a training, a mean over its seeds, and what the verdict needs of their scores."""
    from bakeoff.evaluation.repeats import average
    from bakeoff.evaluation.verdict import scores_needed

    results, scores = [home.result() for home in homes], [home.scores() for home in homes]
    mean = average(results, scores, confidence=confidence) if len(results) > 1 else results[0]
    return mean, [scores_needed(table, results[0].metrics[0]) for table in scores]


def _sized(
    contestant: ContestantFolder, scores: Sequence[pa.Table], config: BakeoffConfig, data: DataReport
) -> list[Sized]:
    """Return the trainings of a contestant on parts of the rows, as far as they have a result, and on all rows.

    Args:
        scores: Of the trainings on all rows.
    """
    from bakeoff.evaluation.learning_curve import Sized

    whole = Sized(_training_rows(data), contestant.average(), scores)
    learns = bool(parts(config, contestant.name))
    sized = []
    for number, rows in enumerate(data.parts, start=1):
        if not learns:  # as good with any number of rows
            sized.append(Sized(rows, whole.result, whole.scores))
            continue
        trained = [home.part(number) for home in contestant.repeats()]
        if all(part.finished for part in trained):
            sized.append(Sized(rows, *_measured(trained, config.evaluation.confidence)))
    return [*sized, whole]


def _training_rows(data: DataReport) -> int:
    return next((split.rows for split in data.splits if split.name == "train"), 0)
