from __future__ import annotations

import numpy as np

from bakeoff.report.loaded import load_contestant
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.results import EpochLine, Search, TrainingCost, Trial
from bakeoff.runs.training_time import on_the_clock
from tests.evaluation.test_verdict import classified, result


def log(folder: ContestantFolder, *seconds: float) -> None:
    for each in seconds:
        folder.append_metrics(EpochLine(epoch=1, step=1, validation_loss=0.5, seconds=each, best=True))


def on_the_clock_of(folder: ContestantFolder) -> list[float]:
    return [line.seconds for line in on_the_clock(folder, folder.training_log()[1])]


def test_evaluations_come_after_the_other_trials_also_where_times_are_means_over_folds(tmp_path):
    trials = [
        Trial(number=number, settings={}, state="finished", training=TrainingCost(seconds=seconds))
        for number, seconds in ((1, 30), (2, 20))
    ]
    search = Search(metric="accuracy", higher_is_better=True, best=2, trials=trials)
    folder = ContestantFolder(tmp_path / "lstm")
    log(folder, 10, 20)
    folder.write_result(result("lstm", 0.8, seconds=42, search=search))  # 50 on all rows, 40 in each of four folds

    assert on_the_clock_of(folder) == [40, 50]


def test_evaluations_come_after_pretraining_and_the_linear_part(tmp_path):
    folder = ContestantFolder(tmp_path / "lstm")
    log(folder, 30, 60)
    folder.write_result(result("lstm", 0.8, seconds=360))

    assert on_the_clock_of(folder) == [330, 360]


def test_pretraining_is_that_of_the_training_on_all_rows_where_times_are_means_over_folds(tmp_path):
    folder = ContestantFolder(tmp_path / "lstm")
    for number, seconds in ((1, 240), (2, 300)):
        folder.fold(number).write_result(result("lstm", 0.8, seconds=seconds))
    log(folder, 30, 60)
    folder.write_result(result("lstm", 0.8, seconds=300))  # and 360 on all rows

    assert on_the_clock_of(folder) == [330, 360]


def test_without_evaluations_there_is_nothing_to_place(tmp_path):
    folder = ContestantFolder(tmp_path / "linear")
    folder.write_result(result("linear", 0.8, seconds=3))

    assert on_the_clock_of(folder) == []


def test_what_reports_and_comparisons_read_is_on_the_clock_too(tmp_path):
    folder = ContestantFolder(tmp_path / "lstm")
    log(folder, 30, 60)
    folder.write_scores(classified(np.array([True, False])))
    folder.write_result(result("lstm", 0.8, seconds=360))

    assert [line.seconds for line in load_contestant(folder).epochs] == [330, 360]
