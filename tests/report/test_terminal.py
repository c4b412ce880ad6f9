"""Terminal output, read as plain text as a pipe would get it."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from bakeoff.evaluation.wording import number
from bakeoff.report.loaded import load_run
from bakeoff.report.plan import PlanTable
from bakeoff.report.tables import main_metrics
from bakeoff.report.terminal import _Comparison, comparison, epoch_table, summary
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.plans import Plan
from bakeoff.runs.results import Usage
from tests.report.hostile import VISIBLE


def printed(renderable: RenderableType, width: int = 80) -> str:
    buffer = io.StringIO()
    Console(file=buffer, width=width).print(renderable)
    return buffer.getvalue()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_too_long_and_no_metric_is_lost(run: RunFolder, width: int) -> None:
    text = printed(summary(run), width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    for folder in run.contestants():
        for metric in main_metrics(folder.average()):
            assert number(metric.value) in text
            if metric.low is not None and metric.high is not None:
                assert f"{number(metric.low)} to {number(metric.high)}" in text


def test_many_contestants_take_several_tables(run: RunFolder) -> None:
    loaded = load_run(run)
    copies = [
        replace(entry, result=entry.result.model_copy(update={"name": f"{entry.name}-{copy}"}))
        for copy in range(3)
        for entry in loaded.contestants
    ]
    first = replace(loaded.contestants[0], result=loaded.contestants[0].result)
    renamed = loaded.verdict.model_copy(update={"best": first.name})
    text = printed(_Comparison(replace(loaded, contestants=[first, *copies], verdict=renamed)))
    assert all(f"{entry.name}-{copy}" in text for copy in range(3) for entry in loaded.contestants)
    assert all(cell_len(line) <= 80 for line in text.splitlines())


def test_generated_text_is_shown_and_does_nothing(language_model_run: RunFolder) -> None:
    text = printed(summary(language_model_run), width=300)
    assert VISIBLE in text
    assert "\x1b" not in text


def test_the_epoch_table_tells_which_weights_were_kept(classification_run: RunFolder) -> None:
    _, epochs = classification_run.contestant("lstm").training_log()
    lines = printed(epoch_table(epochs)).splitlines()
    titles = "Epoch Step Train loss Train acc Valid loss Valid acc"
    assert any(line.split() == titles.split() for line in lines)
    kept = [line for line in lines if "kept" in line]
    assert len(kept) == 1
    best = [line for line in epochs if line.best][-1]
    assert kept[0].split()[:2] == [str(best.epoch), str(best.step)]


def test_language_models_have_no_accuracy_columns(language_model_run: RunFolder) -> None:
    _, epochs = language_model_run.contestant("full").training_log()
    assert "acc" not in printed(epoch_table(epochs))


def test_the_verdict_comes_last(run: RunFolder) -> None:
    text = printed(summary(run), width=1000)
    assert text.rstrip().endswith(run.verdict().sentences[-1])


def test_the_comparison_can_be_printed_alone(run: RunFolder) -> None:
    assert "Training time" in printed(comparison(load_run(run)))


def test_requests_tokens_and_money_are_rows_where_an_endpoint_was_asked(classification_run: RunFolder) -> None:
    loaded = load_run(classification_run)
    usage = Usage(
        requests=1200, input_tokens=98765, output_tokens=3456, money=0.421, median_seconds=0.44, slow_seconds=2.1
    )
    first, *others = loaded.contestants
    asked = replace(first, result=first.result.model_copy(update={"usage": usage}))

    text = printed(_Comparison(replace(loaded, contestants=[asked, *others])), width=200)

    rows = {cells[0]: cells[1:] for line in text.splitlines() if (cells := re.split(r"\s{2,}", line.strip()))}
    assert rows["Requests"] == ["1,200", "–", "–", "–"]
    assert rows["Tokens asked"] == ["98,765", "–", "–", "–"]
    assert rows["Money"] == ["$0.42", "–", "–", "–"]
    assert rows["Time of an answer"] == ["0.4 s, 2.1 s", "–", "–", "–"]
    assert "Requests" not in printed(_Comparison(loaded), width=200)


def test_a_plan_shows_money() -> None:
    total = {"total_seconds": 9, "peak_memory_bytes": 1, "disk_bytes": 1}
    common = {**total, "evaluation_seconds": 1, "model_bytes": 1, "trainable_parameters": 0, "total_parameters": None}
    asked = {"requests": 1200, "input_tokens": 98765, "output_tokens": 9600, "money": 0.42}
    plans = [{"name": "own", "method": "linear", **common}, {"name": "paid", "method": "prompt", **common, **asked}]
    total |= {"available_memory_bytes": 9, "free_disk_bytes": 9, "measuring_seconds": 1}
    plan = Plan.model_validate({"name": "x", "task": "classification", "contestants": plans, **total})

    text = " ".join(printed(PlanTable(plan), width=120).split())

    assert "Requests – 1,200" in text
    assert "Money – $0.42" in text
    assert "Total: about 9.0 s and $0.42, up to" in text
