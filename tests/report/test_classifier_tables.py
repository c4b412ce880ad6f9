"""Tables about classifiers that were trained with several seeds: they show the first one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bakeoff.evaluation.wording import number
from bakeoff.report.classifier_tables import calibration_rows, first_seed_note
from bakeoff.report.loaded import LoadedRun, load_run
from bakeoff.report.markdown import render_markdown
from bakeoff.report.out_of_scope_view import out_of_scope_rows
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.results import ContestantResult, OutOfScope


@pytest.fixture(scope="module")
def run(classification_run: RunFolder) -> LoadedRun:
    return load_run(classification_run)


@pytest.fixture(scope="module")
def first(classification_run: RunFolder) -> ContestantResult:
    return classification_run.contestant("lstm").result()


def test_calibration_before_and_after_is_that_of_one_seed(run: LoadedRun, first: ContestantResult) -> None:
    after, before = (metric.value for metric in first.metrics if metric.name == "calibration_error")
    assert first.calibration is not None
    losses = first.calibration.loss_before, first.metric("loss").value

    (row,) = (row for row in calibration_rows(run) if row[0][0] == "lstm")

    assert [cell for cell, _ in row[2:]] == [*map(number, [before, after, first.calibration.chance, *losses])]
    assert first_seed_note(run) in render_markdown(run)


def test_accuracy_with_and_without_a_threshold_is_that_of_one_seed(run: LoadedRun, first: ContestantResult) -> None:
    lstm = run.contestants[2]
    measures = dict.fromkeys(("auroc", "recall", "precision", "in_scope_accuracy", "joint_accuracy"))
    result = lstm.result.model_copy(update={"out_of_scope": OutOfScope.model_construct(threshold=0.5, **measures)})

    (row,) = out_of_scope_rows(replace(run, contestants=[replace(lstm, result=result)]))

    assert row[6] == (f"{first.metric('accuracy').value:.3f}", "")
