"""What notebooks show: the numbers of the records, escaped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bakeoff
from bakeoff.evaluation.wording import number
from bakeoff.report.loaded import LoadedRun, load_run
from bakeoff.runner import RunOutcome
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.plans import ContestantPlan, Plan
from bakeoff.tasks.classifier import Prediction
from tests.real_runs import copy_run
from tests.report.hostile import VISIBLE
from tests.report.pages import Page

TAGS = {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "br", "small"}
NAME = '<img src=x onerror=alert(1)> & "a"'


def shown(value: object) -> Page:
    """Return what a notebook shows of a value, which holds no markup but tables."""
    html = value._repr_html_()  # type: ignore[attr-defined]
    page = Page(html)
    assert page.open == []
    assert {tag for tag, _ in page.tags} <= {
        "div",
        "p",
        "strong",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "br",
        "small",
    }
    assert all(set(attributes) <= {"class"} for _, attributes in page.tags)
    return page


def test_an_outcome_shows_the_verdict_and_the_comparison(run: RunFolder) -> None:
    loaded = load_run(run)
    outcome = RunOutcome(run.path, loaded.results, loaded.verdict)

    page = shown(outcome)

    assert shown(loaded).text == page.text
    assert loaded.verdict.summary[0] in page.text
    assert [tag for tag, _ in page.tags].count("table") == 1
    for result in loaded.results:
        assert result.name in page.text
        assert number(result.metrics[0].value) in page.text
    assert "Training time" in page.text


def test_an_outcome_without_its_folder_shows_nothing(run: RunFolder, tmp_path: Path) -> None:
    loaded = load_run(run)
    assert RunOutcome(tmp_path / "gone", loaded.results, loaded.verdict)._repr_html_() is None


def test_names_are_escaped(one_contestant: LoadedRun) -> None:
    (entry,) = one_contestant.contestants
    renamed = replace(entry, result=entry.result.model_copy(update={"name": NAME}))
    verdict = one_contestant.verdict.model_copy(update={"best": NAME, "summary": [f"{VISIBLE} is best"]})
    page = shown(replace(one_contestant, contestants=[renamed], verdict=verdict))
    assert NAME in page.text
    assert f"{VISIBLE} is best" in page.text


def test_a_comparison_has_its_scale(run: RunFolder) -> None:
    loaded = load_run(run)
    comparison = loaded.verdict.comparisons[0].model_copy(update={"worse": NAME, "difference": 0.012})
    page = shown(comparison)
    assert NAME in page.text
    assert ("+1.2" if loaded.is_classification else "+1.2%") in page.text
    assert ("Points of accuracy" if loaded.is_classification else "Perplexity") in page.text


def test_a_prediction_has_the_most_probable_labels_and_always_the_predicted_one() -> None:
    rest = {f"label {number}": 0.05 for number in range(15)}
    page = shown(Prediction(NAME, 0.01, {"first": 0.24, **rest, NAME: 0.01}))  # chosen by its cost
    assert NAME in page.text
    assert page.text.index("first") < page.text.index("label 0") < page.text.index(NAME)
    assert "label 8" not in page.text
    assert "7 more" in page.text


def test_a_plan_shows_what_the_terminal_shows() -> None:
    contestants = [
        ContestantPlan(
            name=name,
            method="lstm",
            seeds=2,
            epochs=3,
            training_seconds=65,
            evaluation_seconds=5,
            total_seconds=70,
            peak_memory_bytes=2_000_000_000,
            model_bytes=1_000,
            disk_bytes=2_000,
            trainable_parameters=None,
            total_parameters=10_000,
            notes=["<b>slow</b>"],
        )
        for name in ("lstm", NAME)
    ]
    plan = Plan(
        name="mine",
        task="classification",
        contestants=contestants,
        total_seconds=150,
        peak_memory_bytes=2_000_000_000,
        disk_bytes=4_000,
        available_memory_bytes=8_000_000_000,
        free_disk_bytes=9_000_000_000,
        measuring_seconds=1,
        warnings=["<i>too much</i>"],
    )

    text = shown(plan).text

    for words in ("1 min 5 s", NAME, "<b>slow</b>", "Warning: <i>too much</i>", "unknown", "8.0 GB available"):
        assert words in text
    assert "The table is for one training; the total is for all of them." in text


def test_runs_are_compared_from_python(classification_run: RunFolder, tmp_path: Path) -> None:
    copy = copy_run(classification_run.path, tmp_path / "again")
    compared = bakeoff.compare([classification_run.path, copy.path])
    assert "again/linear" in shown(compared).text
