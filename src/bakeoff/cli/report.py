"""bakeoff report"""

from __future__ import annotations

from typing import Annotated

import typer

from bakeoff.cli.options import RunPath


def command(
    run: RunPath, open_browser: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False
) -> None:
    """Write report.html and report.md of a finished run again, and print where they are."""
    import webbrowser

    from bakeoff.report.output import write_report
    from bakeoff.runs.folder import RunFolder

    folder = RunFolder(run)
    folder.must_hold_a_run()
    write_report(folder)
    print(folder.html_report)
    if open_browser:
        webbrowser.open(folder.html_report.resolve().as_uri())
