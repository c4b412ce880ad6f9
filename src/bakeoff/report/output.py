"""The files of a report, written into a run folder."""

from __future__ import annotations

from pathlib import Path

from bakeoff.report.converted import Format, convert
from bakeoff.report.html import render_html
from bakeoff.report.loaded import LoadedRun, load_run
from bakeoff.report.markdown import render_markdown
from bakeoff.report.model_card import write_model_card
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.writing import write_bytes, write_text


def write_report(run: RunFolder) -> None:
    """Write report.html and report.md from the contents of a run folder.

    Raises:
        UserError: the folder holds no run, or the run has not finished.
    """
    run.refuse_links()
    write_pages(load_run(run), run)


def write_pages(loaded: LoadedRun, folder: RunFolder) -> None:
    """Write report.html and report.md of a loaded run into a folder."""
    write_text(folder.html_report, render_html(loaded))
    write_text(folder.markdown_report, render_markdown(loaded))


def write_converted(loaded: LoadedRun, folder: RunFolder, kind: Format) -> Path:
    """Write report.docx or report.pdf into a folder; return the file.

    Raises:
        UserError: the program that makes it is not installed.
    """
    path = folder.converted_report(kind)
    write_bytes(path, convert(loaded, kind))
    return path


def write_model_cards(run: RunFolder) -> None:
    """Write the model card of every contestant and seed that left a model."""
    for contestant in run.evaluated():
        for repeat in contestant.repeats():
            write_model_card(repeat, run)
