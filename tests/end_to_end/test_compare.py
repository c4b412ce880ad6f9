"""`bakeoff compare`: runs side by side, or a refusal that says what differs."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from bakeoff.report.loaded import LoadedRun, load_run
from bakeoff.runs.folder import RunFolder
from tests.command import bakeoff, refused
from tests.real_runs import SENTIMENT, write_config_file
from tests.report.pages import Page


def other_run(folder, name, **changes):
    config = {**SENTIMENT, "contestants": {"wide": {"method": "linear", "max_ngram": 3}}, **changes}
    typed = bakeoff("run", write_config_file(folder / f"{name}.yaml", config), "-o", folder / name)
    assert typed.code == 0, typed.err
    return folder / name


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    return other_run(tmp_path_factory.mktemp("other"), "wide")


def test_contestants_of_two_runs_get_one_verdict(sentiment_run, wide):
    found = bakeoff("compare", sentiment_run, wide, "--json").json

    names = [result["name"] for result in found["results"]]
    assert names == ["run/majority", "run/linear", "run/lstm", "run/lstm-lab", "wide"]
    assert len(found["verdict"]["comparisons"]) == 4
    assert found["verdict"]["best"] in names
    separate = {result["name"]: result for result in bakeoff("resume", sentiment_run, "--json").json["results"]}
    assert found["results"][1]["metrics"] == separate["linear"]["metrics"]


def test_a_run_beside_its_own_copy_is_level(wide, tmp_path):
    again = other_run(tmp_path, "again")

    (comparison,) = bakeoff("compare", wide, again, "--json").json["verdict"]["comparisons"]

    assert (comparison["difference"], comparison["p_value"]) == (0, 1)


def test_a_run_that_is_named_twice_is_compared_once(sentiment_run, wide):
    once = bakeoff("compare", sentiment_run, wide, "--json").json
    twice = bakeoff("compare", sentiment_run, sentiment_run, wide, wide / ".." / wide.name, "--json").json

    assert twice["verdict"] == once["verdict"]
    assert twice["results"] == once["results"]


def test_the_table_and_the_report(sentiment_run, wide, tmp_path):
    typed = bakeoff("compare", sentiment_run, wide, "-o", tmp_path / "both")

    assert typed.code == 0, typed.err
    assert "run/lstm-lab" in typed.out
    assert "Verdict" in typed.out
    page = Page((tmp_path / "both" / "report.html").read_text())
    assert page.open == []
    assert "run and wide" in page.text
    assert "already holds a report or a run" in refused("compare", sentiment_run, wide, "-o", tmp_path / "both")
    assert "already holds a report or a run" in refused("compare", sentiment_run, wide, "-o", wide)


def test_a_report_of_somebody_else_is_left_alone(sentiment_run, wide, tmp_path):
    (tmp_path / "report.md").write_text("mine")

    assert "already holds a report or a run" in refused("compare", sentiment_run, wide, "-o", tmp_path)

    assert (tmp_path / "report.md").read_text() == "mine"


def test_other_texts_are_refused_and_named(wide, tmp_path):
    elsewhere = other_run(tmp_path, "elsewhere", seed=13)

    said = refused("compare", wide, elsewhere)

    assert "test documents: wide has 120 of sentence-polarity" in said
    assert "split with seed 12" in said
    assert "elsewhere has 120 of sentence-polarity" in said


def test_another_task_is_refused_and_named(wide, language_model_run):
    said = refused("compare", wide, language_model_run)

    assert "task: wide has classification, run has language-model" in said
    assert "primary metric: wide has accuracy, run has perplexity" in said
    assert "protocol: wide has accuracy, version 1, run has document(context=256)" in said


def test_one_run_is_not_compared(wide, tmp_path):
    assert "two or more runs" in refused("compare", wide)
    assert "two or more runs" in refused("compare", wide, wide)
    assert "does not exist" in refused("compare", wide, tmp_path / "nowhere")


def test_other_training_texts_are_said(wide, tmp_path):
    """The same test side by a column; one of the two learns from fewer texts."""
    rows = [
        f'"{("a fine", "a dull")[n % 2]} film, number {n}",{n % 2},{"test" if n > 79 else "train"},{n}'
        for n in range(120)
    ]
    for name, kept in (("all", rows), ("fewer", rows[20:])):
        (tmp_path / f"{name}.csv").write_text("text,label,side,id\n" + "\n".join(kept))
    runs = [
        other_run(tmp_path, name, data={"table": str(tmp_path / f"{name}.csv"), "split": {"column": "side"}})
        for name in ("all", "fewer")
    ]

    said = " ".join(bakeoff("compare", *runs, "--json").json["verdict"]["sentences"])

    assert "all and fewer were not trained on the same texts" in said


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_kernels_in_c_on_one_machine_alone_are_said_of_runs_in_bf16(wide, tmp_path, monkeypatch, precision):
    other = shutil.copytree(wide, tmp_path / "other")

    def load(folder: RunFolder) -> LoadedRun:
        run = load_run(folder)
        run.results[0].training.precision = precision
        return replace(run, environment=run.environment.model_copy(update={"compiled_kernels": folder.path == other}))

    monkeypatch.setattr("bakeoff.comparing.load_run", load)

    said = " ".join(bakeoff("compare", wide, other, "--json").json["verdict"]["sentences"])

    assert ("wide and other ran on different machines or with different versions" in said) == (precision == "bf16")
