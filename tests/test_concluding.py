from __future__ import annotations

from bakeoff.concluding import _on_the_clock
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.results import EpochLine, Search, TrainingCost, Trial
from tests.evaluation.test_verdict import result


def test_evaluations_come_after_the_other_trials_also_where_times_are_means_over_folds(tmp_path):
    trials = [
        Trial(number=number, settings={}, state="finished", training=TrainingCost(seconds=seconds))
        for number, seconds in ((1, 30), (2, 20))
    ]
    search = Search(metric="accuracy", higher_is_better=True, best=2, trials=trials)
    folder = ContestantFolder(tmp_path / "lstm")
    for seconds in (10, 20):
        folder.append_metrics(EpochLine(epoch=1, step=1, validation_loss=0.5, seconds=seconds, best=True))
    folder.write_result(result("lstm", 0.8, seconds=42, search=search))  # 50 on all rows, 40 in each of four folds

    assert [line.seconds for line in _on_the_clock(folder)] == [40, 50]
