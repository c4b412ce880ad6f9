"""Where a contestant fails, through the command line: a column of the table on which it is at a loss."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bakeoff import runner
from bakeoff.runs.folder import RunFolder
from tests.command import bakeoff
from tests.data.test_group_split import text
from tests.real_runs import copy_run, write_config_file


@pytest.fixture(scope="module")
def failing_run(tmp_path_factory):
    """On the texts of one source, labels are drawn by lot."""
    folder = tmp_path_factory.mktemp("failing")
    random = np.random.default_rng(0)
    rows = []
    for number in range(600):
        label, source = random.choice(["good", "bad"]), "forum" if number % 5 == 0 else "<b>shop</b>"
        shown = random.choice(["good", "bad"]) if source == "forum" else label
        word = {"good": "fine", "bad": "dull"}[shown]
        rows.append({"text": f"{text(number)} {word}", "label": label, "source": source})
    (folder / "films.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = {
        "task": "classification",
        "data": {"table": str(folder / "films.jsonl")},
        "contestants": {"majority": {}, "linear": {}},
        "evaluation": {"resamples": 100},
    }
    typed = bakeoff("run", write_config_file(folder / "small.yaml", config), "-o", folder / "run")
    assert typed.code == 0, typed.err
    assert "linear fails most where column source is forum: accuracy" in " ".join(typed.out.split())
    return folder / "run"


def test_the_planted_slice_is_in_verdict_and_report(failing_run):
    slices = RunFolder(failing_run).verdict().slices

    first = slices.weak[0]
    scores = RunFolder(failing_run).contestant("linear").scores().to_pylist()
    forum = [row for row in scores if int(row["document"]) % 5 == 1]
    assert (first.trait, first.value, first.texts) == ("column source", "forum", len(forum))
    assert first.accuracy == pytest.approx(np.mean([row["label"] == row["predicted"] for row in forum]))
    assert {example.document for example in first.examples} <= {row["document"] for row in forum}
    assert slices.pair == ["linear", "majority"]
    assert {lead.better for lead in slices.leads} == {"linear"}
    html, markdown = ((failing_run / name).read_text() for name in ("report.html", "report.md"))
    for page in (html, markdown):
        assert "Where it fails" in page
        assert "column source is forum" in page
        assert "<b>shop" not in page
    assert "Mistakes of linear where column source is forum" in html


def test_a_run_that_is_concluded_again_says_the_same_without_its_data(failing_run, tmp_path):
    copy = copy_run(failing_run, tmp_path / "copy")
    before = copy.verdict().slices

    assert runner.resume(copy.path).verdict.slices == before
    (copy.path / "verdict.json").unlink()
    (copy.path / "traits.json").unlink()
    assert runner.resume(copy.path).verdict.slices == before
    (copy.path / "traits.json").write_text("{")
    assert runner.resume(copy.path).verdict.slices == before
