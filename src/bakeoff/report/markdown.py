"""report.md: the report for places that show Markdown, such as a pull request."""

from __future__ import annotations

from bakeoff.report.contents import contents
from bakeoff.report.loaded import LoadedRun
from bakeoff.report.rendering import markdown_environment


def render_markdown(run: LoadedRun) -> str:
    """Return the whole file."""
    return markdown_environment().get_template("report.md").render(contents(run))
