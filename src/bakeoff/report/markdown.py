"""report.md: the report for places that show Markdown, such as a pull request."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from bakeoff.report.contents import contents
from bakeoff.report.drawing import Plot
from bakeoff.report.figures import figures
from bakeoff.report.loaded import LoadedRun
from bakeoff.report.rendering import markdown_environment


def render_markdown(run: LoadedRun, picture: Callable[[Plot], Markup] | None = None) -> str:
    """Return the whole file; contestants best first.

    Args:
        picture: Returns the Markdown of a plot. Without it there are none, because the file stands alone.
    """
    run = run.best_first
    drawn = figures(run) if picture else None

    def pictures(*groups: str) -> Markup:
        if picture is None:
            return Markup("")
        return Markup("").join(picture(plot) for group in groups for plot in getattr(drawn, group))

    return markdown_environment().get_template("report.md").render(contents(run), pictures=pictures)
