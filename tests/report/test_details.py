"""Tables of results by seed and by document."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bakeoff.evaluation.documents import DocumentLoss
from bakeoff.evaluation.wording import number
from bakeoff.report import details
from bakeoff.report.html import render_html
from bakeoff.report.loaded import LoadedRun, load_run
from bakeoff.report.tables import main_metrics
from bakeoff.runs.folder import RunFolder
from tests.report.pages import Page


@pytest.fixture(scope="module")
def classified(classification_run: RunFolder) -> LoadedRun:
    return load_run(classification_run)


@pytest.fixture(scope="module")
def modeled(language_model_run: RunFolder) -> LoadedRun:
    return load_run(language_model_run)


def test_a_row_for_every_repeated_main_metric(classified: LoadedRun, classification_run: RunFolder) -> None:
    seeds = [[repeat.result() for repeat in classification_run.contestant(name).repeats()] for name in ("lstm", "both")]
    rows = details.seed_rows(classified)

    assert details.seed_titles(classified)[6:] == ["Seed 12", "Seed 13"]
    assert [row[0] for row in rows] == [
        name for name, results in zip(("lstm", "both"), seeds, strict=True) for _ in main_metrics(results[0])
    ]
    accuracies = [result.metrics[0].value for result in seeds[0]]
    shown = [sum(accuracies) / 2, abs(accuracies[0] - accuracies[1]) / math.sqrt(2), min(accuracies), max(accuracies)]
    assert rows[0] == ["lstm", "Accuracy", *map(number, [*shown, *accuracies])]


def test_a_row_for_every_repeated_comparison(classified: LoadedRun) -> None:
    repeated = [comparison for comparison in classified.verdict.comparisons if comparison.by_seed]
    rows = details.difference_rows(classified)

    assert repeated
    assert [row[:2] for row in rows] == [[comparison.better, comparison.worse] for comparison in repeated]
    assert [len(row) for row in rows] == [4] * len(repeated)


def test_contestants_of_several_runs_may_have_other_seeds(classified: LoadedRun) -> None:
    linear = classified.contestants[1]
    metric = linear.result.metrics[0].model_copy(update={"by_seed": [0.7, 0.71, 0.72], "deviation": 0.01})
    result = linear.result.model_copy(update={"seeds": [5, 6, 7], "metrics": [metric]})
    contestants = [replace(linear, result=result), classified.contestants[2]]
    run = replace(classified, contestants=contestants)

    assert details.seed_titles(run)[6:] == ["Seed no. 1", "Seed no. 2", "Seed no. 3"]
    rows = details.seed_rows(run)
    assert {len(row) for row in rows} == {9}
    assert rows[0][6:] == ["0.7000", "0.7100", "0.7200"]
    assert rows[1][8] == "–"


def test_a_run_with_one_seed_has_no_such_rows(modeled: LoadedRun) -> None:
    assert (details.seed_rows(modeled), details.difference_rows(modeled)) == ([], [])


def test_the_page_shows_every_seed(classified: LoadedRun) -> None:
    page = Page(render_html(classified))
    assert page.open == []
    assert "Results by seed" in page.text
    assert "Seed 13" in page.text
    assert "several seeds" in page.text


def test_documents_are_ordered_by_how_much_the_contestants_differ(modeled: LoadedRun) -> None:
    losses = [
        {"calm": DocumentLoss(300.0, 100), "divisive": DocumentLoss(40.0, 20)},
        {"calm": DocumentLoss(290.0, 100), "divisive": DocumentLoss(60.0, 20)},
    ]
    two = [replace(contestant, losses=loss) for contestant, loss in zip(modeled.contestants, losses, strict=False)]
    run = replace(modeled, contestants=two)

    assert details.document_titles(run) == ["Document", "Tokens", "pretrained", "full", "Highest / lowest"]
    assert details.document_rows(run) == [
        ["divisive", "20", f"{math.exp(2):.4f}", f"{math.exp(3):.2f}", f"{math.e:.3f}"],
        ["calm", "100", f"{math.exp(3):.2f}", f"{math.exp(2.9):.2f}", f"{math.exp(0.1):.3f}"],
    ]
    assert [row[:2] for row in details.length_rows(run)] == [["20", "1"], ["100", "1"]]
