"""report.docx and report.pdf, made by the real programs and read back by others."""

from __future__ import annotations

import io
import logging
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bakeoff.errors import UserError
from bakeoff.report.converted import convert
from bakeoff.report.figures import figures
from bakeoff.report.loaded import LoadedRun
from bakeoff.report.paper import results_sentence
from tests.report.hostile import VISIBLE


def squeezed(text: str) -> str:
    """Return a text without what depends on the width of a line or on typography."""
    return "".join(text.replace("’", "'").split())


def test_a_word_document_has_the_texts_and_the_plots(one_contestant: LoadedRun) -> None:
    pandoc = pytest.importorskip("pypandoc")

    content = convert(one_contestant, "docx")

    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert sum(name.startswith("word/media/") for name in names) == len(figures(one_contestant).all)
    text = squeezed(pandoc.convert_text(content, "plain", format="docx", extra_args=["--wrap=none"]))
    assert squeezed(results_sentence(one_contestant)) in text
    assert squeezed(VISIBLE) in text
    assert "Trainingtime" in text


def test_a_pdf_has_the_texts_and_the_plots(one_contestant: LoadedRun, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "weasyprint")  # it warns of every rule that is for screens
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError) as error:  # it needs a library that is no Python package
        pytest.skip(str(error))
    pdfium = pytest.importorskip("pypdfium2")

    document = pdfium.PdfDocument(convert(one_contestant, "pdf"))

    text = squeezed("".join(page.get_textpage().get_text_range() for page in document))
    assert squeezed(results_sentence(one_contestant)) in text
    assert squeezed(VISIBLE) in text
    assert squeezed("95% interval (higher is better)") in text  # of a plot


def test_without_pandoc_one_sentence_says_what_to_install(
    one_contestant: LoadedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pypandoc", None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UserError) as raised:
        convert(one_contestant, "docx")
    assert raised.value.message == "A Word document needs pypandoc, which is not installed."
    assert raised.value.hint == "Install with: pip install 'bakeoff[docx]'"


def test_another_pandoc_on_this_machine_does(one_contestant: LoadedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    pandoc = pytest.importorskip("pypandoc").get_pandoc_path()
    monkeypatch.setitem(sys.modules, "pypandoc", None)
    monkeypatch.setattr(shutil, "which", lambda name: str(pandoc))
    assert convert(one_contestant, "docx").startswith(b"PK")


def test_a_pandoc_that_fails_is_quoted(one_contestant: LoadedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 2, b"", b"Unknown option --sandbox.\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/pandoc")
    monkeypatch.setitem(sys.modules, "pypandoc", None)
    with pytest.raises(UserError, match="could not write a Word document: Unknown option --sandbox"):
        convert(one_contestant, "docx")


def test_without_weasyprint_or_pango_one_sentence_says_what_to_install(
    one_contestant: LoadedRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "weasyprint", None)
        with pytest.raises(UserError, match="A PDF needs weasyprint, which is not installed") as raised:
            convert(one_contestant, "pdf")
    assert "pip install 'bakeoff[pdf]'" in raised.value.hint
    assert "print report.html" in raised.value.hint

    (tmp_path / "weasyprint.py").write_text('raise OSError("cannot load library libpango-1.0-0")')
    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match="does not find the library Pango") as raised:
        convert(one_contestant, "pdf")
    assert "apt install libpango" in raised.value.hint
