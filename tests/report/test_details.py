"""Tables of seeds and of documents, on runs whose metrics are known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bakeoff.evaluation.documents import DocumentLoss
from bakeoff.report import details
from bakeoff.report.html import render_html
from bakeoff.report.loaded import LoadedRun, load_run
from bakeoff.runs.folder import RunFolder
from tests.report.pages import Page


@pytest.fixture(scope="module")
def classified(classification_run: RunFolder) -> LoadedRun:
    return load_run(classification_run)


@pytest.fixture(scope="module")
def modelled(language_model_run: RunFolder) -> LoadedRun:
    return load_run(language_model_run)


def with_seeds(run: LoadedRun, **seeds: list[int]) -> LoadedRun:
    """The run as if contestants had been trained with several seeds and accuracies of 0.70, 0.71, ..."""
    contestants = []
    for entry in run.contestants:
        result = entry.result
        if entry.name in seeds:
            values = [0.7 + number / 100 for number in range(len(seeds[entry.name]))]
            metric = result.metrics[0].model_copy(update={"value": 0.71, "by_seed": values, "deviation": 0.01})
            result = result.model_copy(update={"seeds": seeds[entry.name], "metrics": [metric, *result.metrics[1:]]})
        contestants.append(replace(entry, result=result))
    first, *rest = run.verdict.comparisons
    verdict = run.verdict.model_copy(
        update={"comparisons": [first.model_copy(update={"by_seed": [0.02, -0.01]}), *rest]}
    )
    return replace(run, contestants=contestants, verdict=verdict)


def test_a_row_for_every_repeated_figure(classified: LoadedRun) -> None:
    run = with_seeds(classified, lstm=[12, 13, 14])

    assert details.seed_titles(run)[6:] == ["Seed 12", "Seed 13", "Seed 14"]
    assert details.seed_rows(run) == [
        ["lstm", "Accuracy", "0.7100", "0.0100", "0.7000", "0.7200", "0.7000", "0.7100", "0.7200"]
    ]
    (row,) = details.difference_rows(run)
    assert row[2:] == ["+2.0", "−1.0", "–"]


def test_contestants_of_several_runs_may_have_other_seeds(classified: LoadedRun) -> None:
    run = with_seeds(classified, linear=[5, 6], lstm=[12, 13, 14])

    assert details.seed_titles(run)[6:] == ["Seed no. 1", "Seed no. 2", "Seed no. 3"]
    assert [len(row) for row in details.seed_rows(run)] == [9, 9]


def test_a_run_of_one_seed_has_no_such_rows(classified: LoadedRun, modelled: LoadedRun) -> None:
    for run in (classified, modelled):
        assert (details.seed_rows(run), details.difference_rows(run)) == ([], [])


def test_the_page_shows_every_seed(classified: LoadedRun) -> None:
    page = Page(render_html(with_seeds(classified, lstm=[12, 13, 14])))
    assert page.open == []
    assert "Each seed by itself" in page.text
    assert "Seed 14" in page.text
    assert "several seeds" in page.text


def test_documents_stand_in_the_order_of_how_much_they_divide_the_contestants(modelled: LoadedRun) -> None:
    losses = [
        {"calm": DocumentLoss(300.0, 100), "divisive": DocumentLoss(40.0, 20)},
        {"calm": DocumentLoss(290.0, 100), "divisive": DocumentLoss(60.0, 20)},
    ]
    two = [replace(entry, losses=each) for entry, each in zip(modelled.contestants, losses, strict=False)]
    run = replace(modelled, contestants=two)

    assert details.document_titles(run) == ["Document", "Tokens", "pretrained", "full", "Highest / lowest"]
    assert details.document_rows(run) == [
        ["divisive", "20", f"{math.exp(2):.4f}", f"{math.exp(3):.2f}", f"{math.e:.3f}"],
        ["calm", "100", f"{math.exp(3):.2f}", f"{math.exp(2.9):.2f}", f"{math.exp(0.1):.3f}"],
    ]
    assert [row[:2] for row in details.length_rows(run)] == [["20", "1"], ["100", "1"]]
