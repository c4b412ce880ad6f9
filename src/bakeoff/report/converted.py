"""report.docx and report.pdf, made from the other reports by programs that need to be installed."""

from __future__ import annotations

import base64
import importlib.util
import shutil
import subprocess
from typing import Any, Literal

from markupsafe import Markup

from bakeoff import packages
from bakeoff.errors import UserError
from bakeoff.report.drawing import Plot, with_file_colors
from bakeoff.report.html import render_html
from bakeoff.report.loaded import LoadedRun
from bakeoff.report.markdown import render_markdown
from bakeoff.report.rendering import escape_markdown

Format = Literal["docx", "pdf"]

_PRINT = "Or print report.html from a browser."


def convert(run: LoadedRun, kind: Format) -> bytes:
    """Return the report as a Word document, by pandoc, or as a PDF, by WeasyPrint.

    Raises:
        UserError: the program is not installed, or could not do it.
    """
    return _docx(run) if kind == "docx" else _pdf(run)


def _docx(run: LoadedRun) -> bytes:
    pandoc = _pandoc()
    text = render_markdown(run, _picture)
    # In its sandbox, pandoc reads and fetches no files. The pictures are in the text.
    words = [pandoc, "--sandbox", "--from", "gfm-emoji-autolink_bare_uris", "--to", "docx", "--output", "-"]
    done = subprocess.run(words, input=text.encode(), capture_output=True, check=False)
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip()
        raise UserError(f"pandoc ({pandoc}) could not write a Word document: {reason}", "Update pandoc.")
    return done.stdout


def _pandoc() -> str:
    """Return the pandoc of the extra, or another one on this machine."""
    if importlib.util.find_spec("pypandoc"):
        import pypandoc

        return str(pypandoc.get_pandoc_path())
    if (program := shutil.which("pandoc")) is None:
        packages.require("docx", "A Word document")
    return str(program)


def _picture(plot: Plot) -> Markup:
    data = base64.b64encode(plot.file("png")).decode()
    return Markup(f"![{escape_markdown(plot.description)}](data:image/png;base64,{data})\n\n")


def _pdf(run: LoadedRun) -> bytes:
    packages.require("pdf", "A PDF", _PRINT)
    try:
        import weasyprint
    except OSError as error:  # it is a Python package, but Pango is none
        raise UserError(
            f"WeasyPrint does not find the library Pango: {error}",
            f"Install it: apt install libpango-1.0-0 libpangoft2-1.0-0, or brew install pango. {_PRINT}",
        ) from None
    page = weasyprint.HTML(string=with_file_colors(render_html(run)), url_fetcher=_nothing)
    content: bytes = page.write_pdf()
    return content


def _nothing(url: str, *_: Any, **__: Any) -> Any:
    """Fetch nothing: a report needs no other files."""
    raise ValueError(f"A report does not load {url}.")
