"""bakeoff report, as it is typed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bakeoff.report.loaded import load_run
from bakeoff.report.paper import results_sentence
from bakeoff.runs.folder import RunFolder
from tests.command import bakeoff


def test_the_report_and_the_sentence(language_model_run: RunFolder) -> None:
    typed = bakeoff("report", language_model_run.path)

    path, empty, sentence = typed.out.splitlines()
    assert (typed.code, typed.err, empty) == (0, "", "")
    assert Path(path) == language_model_run.html_report
    assert sentence == results_sentence(load_run(language_model_run))


def test_figures_tables_and_a_word_document_at_once(language_model_run: RunFolder, tmp_path: Path) -> None:
    pytest.importorskip("pypandoc")
    words = ["--figures", str(tmp_path / "a" / "figures"), "--tables", str(tmp_path / "tables"), "--format", "docx"]

    typed = bakeoff("report", language_model_run.path, *words, "--json")

    assert typed.code == 0
    assert typed.json["sentence"] == results_sentence(load_run(language_model_run))
    assert typed.json["reports"][1] == str(language_model_run.path / "report.docx")
    for kind, folder, some in (("figures", "a/figures", "intervals.pdf"), ("tables", "tables", "results.tex")):
        assert str(tmp_path / folder / some) in typed.json[kind]
        assert sorted(typed.json[kind]) == sorted(map(str, (tmp_path / folder).iterdir()))


def test_a_file_in_the_place_of_the_folder(language_model_run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    typed = bakeoff("report", language_model_run.path, "--tables", tmp_path / "file")
    assert typed.code == 2
    assert "a file is in its place" in typed.err
    assert (tmp_path / "file").read_text() == "mine"


def test_a_missing_program_is_named_and_the_report_is_written(
    language_model_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    typed = bakeoff("report", language_model_run.path, "--format", "pdf")
    assert typed.code == 2
    assert "Install with: pip install 'bakeoff[pdf]'" in typed.err
    assert language_model_run.html_report.exists()
