"""A verdict of an earlier version, without summary, recommendation, corrected p-values and ranks, still opens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import bakeoff
from bakeoff.comparing import compare
from bakeoff.report.loaded import load_run
from bakeoff.report.output import write_report
from bakeoff.report.terminal import summary
from bakeoff.runs import checksums
from bakeoff.runs.folder import RunFolder
from bakeoff.serve.models import ServedRun
from bakeoff.serve.progress import run_view
from tests.real_runs import copy_run
from tests.report.pages import Page
from tests.report.test_terminal import printed

SENTENCES = [
    "linear is best: accuracy 0.9.",
    "Its accuracy is 3 points higher than both's.",
    "Not shown: another seed.",
]


@pytest.fixture
def earlier(classification_run: RunFolder, tmp_path: Path) -> RunFolder:
    run = copy_run(classification_run.path, tmp_path / "run")
    path = run.path / "verdict.json"
    values = json.loads(path.read_text())
    for key in ("recommended", "rule", "summary", "ranks"):
        del values[key]
    for comparison in values["comparisons"]:
        del comparison["corrected_p_value"], comparison["test"]
        comparison["p_value"] = None
    text = json.dumps(values | {"sentences": SENTENCES})
    checksums.announce(path, text)
    path.write_text(text)
    return run


def test_the_first_sentence_is_its_summary(earlier: RunFolder) -> None:
    verdict = earlier.verdict()
    assert (verdict.summary, verdict.details) == (SENTENCES[:1], SENTENCES[1:])
    assert (verdict.recommended, verdict.ranks) == (None, [])


def test_it_is_reported_compared_and_served(earlier: RunFolder, classification_run: RunFolder) -> None:
    write_report(earlier)

    page = Page(earlier.html_report.read_text(encoding="utf-8"))
    text, markdown = page.text.replace("\u00a0", " "), earlier.markdown_report.read_text(encoding="utf-8")
    for sentence in SENTENCES:
        assert sentence in text
        assert sentence in printed(summary(earlier), 300)
    assert page.open == []
    assert "How sure each rank is" not in text
    assert "The reasons, in 2 sentences" in markdown
    assert compare([earlier.path, classification_run.path]).verdict.recommended is not None
    view = run_view(ServedRun("run", earlier))
    assert (view.finished, view.summary, view.verdict, view.recommended) == (True, SENTENCES[:1], SENTENCES, None)


def test_resume_writes_it_again(earlier: RunFolder, classification_run: RunFolder) -> None:
    assert bakeoff.resume(earlier.path).verdict == classification_run.verdict()
    assert load_run(earlier).verdict.recommended is not None
