"""report.html: one file that opens anywhere, without network access."""

from __future__ import annotations

from markupsafe import Markup

from bakeoff.report.contents import contents
from bakeoff.report.figures import figures
from bakeoff.report.highlighting import pieces
from bakeoff.report.loaded import LoadedRun
from bakeoff.report.rendering import html_environment
from bakeoff.report.script import POLICY, SCRIPT
from bakeoff.report.table_files import copies


def render_html(run: LoadedRun) -> str:
    """Return the whole page; contestants best first."""
    run = run.best_first
    return (
        html_environment()
        .get_template("report.html")
        .render(
            contents(run),
            pieces=pieces,
            figures=figures(run),
            copies=copies(run),
            policy=Markup(POLICY),
            script=Markup(SCRIPT),
        )
    )
